/* bench_limit JOB DIR COUNT OCTETS: what the machine itself takes for a job of a mail server.
 *
 * Makes only the system calls that the job cannot do without, on the Maildir DIR (its files are
 * left as they were; what is written goes to the directory DIR.limit, which is emptied before and
 * after): a server process, and a client process at the other end of a loopback connection that
 * asks COUNT times. OCTETS is the size of all answers together (of all messages for a delivery).
 * Prints the server's CPU time, its ended children included, and the wall time, in seconds. Jobs
 * are listed at the end. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 16, REQUEST = 32 };

struct limit {
    char *dir, scratch[4096];
    size_t count, octets;
    char **names; /* of the files in DIR/cur */
    size_t files;
    struct sockaddr_in address;
    int listener;
    int cur, to; /* DIR/cur and DIR.limit */
};

static char piece[PIECE];

static void check(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "bench_limit: %s: %s\n", what, strerror(errno));
    _exit(1);
}

/* ---- the connection */

static void write_all(int fd, size_t octets)
{
    while (octets > 0) {
        ssize_t n = write(fd, piece, octets < PIECE ? octets : PIECE);
        check(n > 0, "write");
        octets -= (size_t)n;
    }
}

static void read_all(int fd, size_t octets)
{
    while (octets > 0) {
        ssize_t n = read(fd, piece, octets < PIECE ? octets : PIECE);
        check(n > 0, "read");
        octets -= (size_t)n;
    }
}

static void no_delay(int fd)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

static int reach(struct limit *l)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check(fd >= 0 && connect(fd, (void *)&l->address, sizeof(l->address)) == 0, "connect");
    no_delay(fd);
    return fd;
}

static int meet(struct limit *l)
{
    int fd = accept(l->listener, NULL, NULL);
    check(fd >= 0, "accept");
    no_delay(fd);
    return fd;
}

static size_t share(const struct limit *l)
{
    return l->octets / l->count + (l->octets < l->count);
}

/* ---- clients */

static void client_asks(struct limit *l)
{
    int fd = reach(l);
    for (size_t i = 0; i < l->count; i++) {
        write_all(fd, REQUEST);
        for (size_t left = share(l); left > 0;) {
            ssize_t n = read(fd, piece, left < PIECE ? left : PIECE);
            check(n > 0, "client: read");
            setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
            left -= (size_t)n;
        }
    }
    close(fd);
}

static void client_reads(struct limit *l)
{
    int fd = reach(l);
    while (read(fd, piece, PIECE) > 0)
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
    close(fd);
}

static void client_sends(struct limit *l)
{
    int fd = reach(l);
    for (size_t i = 0; i < l->count; i++) {
        write_all(fd, share(l));
        read_all(fd, REQUEST);
    }
    close(fd);
}

/* A greeting, LOGIN, LOGOUT. */
static void client_logs_in(struct limit *l)
{
    for (size_t i = 0; i < l->count; i++) {
        int fd = reach(l);
        read_all(fd, REQUEST);
        for (int k = 0; k < 2; k++) {
            write_all(fd, REQUEST);
            read_all(fd, REQUEST);
        }
        close(fd);
    }
}

/* ---- jobs: a connection */

static void serve_login(int fd)
{
    write_all(fd, REQUEST);
    for (int k = 0; k < 2; k++) {
        read_all(fd, REQUEST);
        write_all(fd, REQUEST);
    }
}

static void job_login(struct limit *l)
{
    for (size_t i = 0; i < l->count; i++) {
        int fd = meet(l);
        pid_t child = fork();
        check(child >= 0, "fork");
        if (child == 0) {
            serve_login(fd);
            _exit(0);
        }
        close(fd);
        waitpid(child, NULL, 0);
    }
}

/* ---- jobs: answers */

static void job_answer(struct limit *l)
{
    int fd = meet(l);
    for (size_t i = 0; i < l->count; i++) {
        read_all(fd, REQUEST);
        write_all(fd, share(l));
    }
    close(fd);
}

static void look_twice(struct limit *l)
{
    struct stat st;
    check(fstatat(l->cur, ".", &st, 0) == 0 && fstatat(l->cur, "../new", &st, 0) == 0, "stat");
}

/* SELECT: is the index still right, and a look into it. */
static void job_select(struct limit *l)
{
    int fd = meet(l);
    for (size_t i = 0; i < l->count; i++) {
        read_all(fd, REQUEST);
        look_twice(l);
        struct stat st;
        int file = openat(l->cur, l->names[0], O_RDONLY);
        check(file >= 0 && fstat(file, &st) == 0, "open");
        char *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, file, 0);
        check(map != MAP_FAILED, "mmap");
        piece[0] = map[0];
        munmap(map, (size_t)st.st_size);
        close(file);
        write_all(fd, share(l));
    }
    close(fd);
}

static void job_status(struct limit *l)
{
    int fd = meet(l);
    for (size_t i = 0; i < l->count; i++) {
        read_all(fd, REQUEST);
        look_twice(l);
        write_all(fd, share(l));
    }
    close(fd);
}

static void job_list(struct limit *l)
{
    int fd = meet(l);
    for (size_t i = 0; i < l->count; i++)
        look_twice(l);
    write_all(fd, l->octets);
    close(fd);
}

static void job_scan(struct limit *l)
{
    int fd = meet(l);
    int again = openat(l->cur, ".", O_RDONLY | O_DIRECTORY);
    DIR *dir = fdopendir(again);
    check(dir, "opendir");
    while (readdir(dir))
        ;
    closedir(dir);
    write_all(fd, l->octets);
    close(fd);
}

/* ---- jobs: octets */

/* The file's octets, at the end of what is in piece; when it is full, they go to the socket. */
static size_t copy_file(struct limit *l, const char *name, int fd, size_t used)
{
    int file = openat(l->cur, name, O_RDONLY);
    struct stat st;
    check(file >= 0 && fstat(file, &st) == 0, name);
    for (size_t left = (size_t)st.st_size; left > 0;) {
        ssize_t n = read(file, piece + used, left < PIECE - used ? left : PIECE - used);
        check(n > 0, name);
        used += (size_t)n;
        left -= (size_t)n;
        if (used == PIECE && fd >= 0)
            write_all(fd, used);
        if (used == PIECE)
            used = 0;
    }
    close(file);
    return used;
}

static void job_copy(struct limit *l)
{
    int fd = meet(l);
    size_t used = 0;
    for (size_t i = 0; i < l->files; i++)
        used = copy_file(l, l->names[i], fd, used);
    write_all(fd, used);
    close(fd);
}

static void job_read(struct limit *l)
{
    int fd = meet(l);
    size_t used = 0;
    for (size_t i = 0; i < l->files; i++)
        used = copy_file(l, l->names[i], -1, used);
    write_all(fd, l->octets);
    close(fd);
}

/* A message a command: POP3. */
static void job_retrieve(struct limit *l)
{
    int fd = meet(l);
    for (size_t i = 0; i < l->files && i < l->count; i++) {
        read_all(fd, REQUEST);
        copy_file(l, l->names[i], -1, 0);
        write_all(fd, share(l));
    }
    close(fd);
}

/* ---- jobs: names */

static void link_all(struct limit *l)
{
    for (size_t i = 0; i < l->files; i++)
        check(linkat(l->cur, l->names[i], l->to, l->names[i], 0) == 0, "link");
}

static void unlink_all(struct limit *l)
{
    for (size_t i = 0; i < l->files; i++)
        check(unlinkat(l->to, l->names[i], 0) == 0, "unlink");
}

static void job_link(struct limit *l)
{
    link_all(l);
    check(fsync(l->to) == 0, "fsync");
}

static void job_rename(struct limit *l)
{
    char name[300];
    for (size_t i = 0; i < l->files; i++) {
        snprintf(name, sizeof(name), "%sA", l->names[i]);
        check(renameat(l->to, l->names[i], l->to, name) == 0, "rename");
    }
}

/* ---- jobs: new messages */

static void receive(struct limit *l, int fd, size_t i)
{
    size_t left = share(l);
    char name[64];
    snprintf(name, sizeof(name), "tmp.%zu", i);
    int file = openat(l->to, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    check(file >= 0, name);
    while (left > 0) {
        ssize_t n = read(fd, piece, left < PIECE ? left : PIECE);
        check(n > 0, "read");
        write_all(file, (size_t)n);
        left -= (size_t)n;
    }
    check(fsync(file) == 0, "fsync");
    close(file);
    check(renameat(l->to, name, l->to, name + 4) == 0, "rename");
}

static void job_deliver(struct limit *l)
{
    int fd = meet(l);
    for (size_t i = 0; i < l->count; i++) {
        receive(l, fd, i);
        check(fsync(l->to) == 0, "fsync");
        write_all(fd, REQUEST);
    }
    close(fd);
}

/* All of one command: the directory is synced once. */
static void job_multi(struct limit *l)
{
    int fd = meet(l);
    for (size_t i = 0; i < l->count; i++) {
        receive(l, fd, i);
        write_all(fd, REQUEST);
    }
    check(fsync(l->to) == 0, "fsync");
    close(fd);
}

/* ---- jobs that are not counted in CPU time */

/* From a rename to the octets at an idling client. Prints the middle one's seconds. */
static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void watcher(struct limit *l, int fd)
{
    int watch = inotify_init();
    check(watch >= 0 && inotify_add_watch(watch, l->scratch, IN_MOVED_TO) >= 0, "inotify");
    write_all(fd, REQUEST);
    for (size_t i = 0; i < l->count; i++) {
        check(read(watch, piece, PIECE) > 0, "inotify");
        write_all(fd, REQUEST);
    }
    _exit(0);
}

static void wake(struct limit *l)
{
    double *took = calloc(l->count, sizeof(*took));
    int ends[2];
    check(took && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
    pid_t child = fork();
    if (child == 0)
        watcher(l, ends[1]);
    read_all(ends[0], REQUEST);
    for (size_t i = 0; i < l->count; i++) {
        close(openat(l->to, "a", O_WRONLY | O_CREAT, 0600));
        usleep(2000);
        double start = now();
        check(renameat(l->to, "a", l->to, "b") == 0, "rename");
        read_all(ends[0], REQUEST);
        took[i] = now() - start;
    }
    waitpid(child, NULL, 0);
    qsort(took, l->count, sizeof(*took), by_size);
    printf("0 %.9f\n", took[l->count / 2]);
    free(took);
}

/* What a bare forked child has dirty of its own, in kB. */
static void memory(struct limit *l)
{
    (void)l;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char line[256];
        FILE *f = fopen("/proc/self/smaps_rollup", "r");
        check(f, "smaps_rollup");
        while (fgets(line, sizeof(line), f))
            if (strncmp(line, "Private_Dirty:", 14) == 0)
                printf("%d 0\n", atoi(line + 14));
        fflush(NULL);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* ---- main */

static const struct {
    const char *name;
    bool files; /* needs the names of the files */
    void (*client)(struct limit *), (*before)(struct limit *), (*server)(struct limit *);
} jobs[] = {
    { "login", false, client_logs_in, NULL, job_login }, /* COUNT connections, a fork each */
    { "answer", false, client_asks, NULL, job_answer },  /* OCTETS from memory in COUNT answers */
    { "select", true, client_asks, NULL, job_select },   /* two stats, a file mapped, an answer */
    { "status", false, client_asks, NULL, job_status },  /* two stats and an answer, COUNT times */
    { "list", false, client_reads, NULL, job_list },     /* two stats COUNT times, one answer */
    { "scan", false, client_reads, NULL, job_scan },     /* DIR/cur is read */
    { "copy", true, client_reads, NULL, job_copy },      /* all files to the socket */
    { "read", true, client_reads, NULL, job_read },      /* all files read, OCTETS sent */
    { "retrieve", true, client_asks, NULL, job_retrieve }, /* a file a command */
    { "link", true, NULL, NULL, job_link },                /* all files, and the directory synced */
    { "unlink", true, NULL, link_all, unlink_all },
    { "rename", true, NULL, link_all, job_rename },
    { "deliver", false, client_sends, NULL, job_deliver }, /* create, write, fsync, rename, fsync */
    { "multi", false, client_sends, NULL, job_multi },     /* the directory is synced once */
    { "wake", false, NULL, wake, NULL },
    { "memory", false, NULL, memory, NULL },
};
enum { JOBS = sizeof(jobs) / sizeof(*jobs) };

static void list_files(struct limit *l)
{
    DIR *dir = fdopendir(dup(l->cur));
    check(dir, "opendir");
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        if ((l->files & (l->files - 1)) == 0) {
            l->names = realloc(l->names, (l->files ? 2 * l->files : 1) * sizeof(*l->names));
            check(l->names, "memory");
        }
        l->names[l->files++] = strdup(e->d_name);
    }
    closedir(dir);
}

static void listen_here(struct limit *l)
{
    socklen_t size = sizeof(l->address);
    l->address =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    l->listener = socket(AF_INET, SOCK_STREAM, 0);
    check(l->listener >= 0 && bind(l->listener, (void *)&l->address, size) == 0 &&
              listen(l->listener, 64) == 0 &&
              getsockname(l->listener, (void *)&l->address, &size) == 0,
          "listen");
}

static double cpu(void)
{
    double sum = 0;
    for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) { /* -1, 0 */
        struct rusage r;
        getrusage(who, &r);
        sum += (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
               (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
    }
    return sum;
}

static void empty_scratch(struct limit *l)
{
    DIR *dir = opendir(l->scratch);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
}

static void run(struct limit *l, size_t job)
{
    if (jobs[job].before)
        jobs[job].before(l);
    if (!jobs[job].server)
        return;
    pid_t client = -1;
    if (jobs[job].client && (client = fork()) == 0) {
        jobs[job].client(l);
        _exit(0);
    }
    double start = now(), used = cpu();
    jobs[job].server(l);
    printf("%.9f %.9f\n", cpu() - used, now() - start);
    if (client > 0)
        waitpid(client, NULL, 0);
}

int main(int argc, char **argv)
{
    struct limit l = { 0 };
    size_t job = 0;
    while (argc == 5 && job < JOBS && strcmp(argv[1], jobs[job].name) != 0)
        job++;
    if (argc != 5 || job == JOBS || (l.count = strtoul(argv[3], NULL, 10)) == 0) {
        fprintf(stderr, "usage: bench_limit JOB DIR COUNT OCTETS\n");
        return 2;
    }
    char cur[4096];
    l.dir = argv[2];
    l.octets = strtoul(argv[4], NULL, 10);
    snprintf(cur, sizeof(cur), "%s/cur", l.dir);
    snprintf(l.scratch, sizeof(l.scratch), "%s.limit", l.dir);
    empty_scratch(&l);
    check(mkdir(l.scratch, 0700) == 0 || errno == EEXIST, l.scratch);
    l.cur = open(cur, O_RDONLY | O_DIRECTORY);
    l.to = open(l.scratch, O_RDONLY | O_DIRECTORY);
    check(l.cur >= 0 && l.to >= 0, cur);
    if (jobs[job].files)
        list_files(&l);
    listen_here(&l);
    run(&l, job);
    empty_scratch(&l);
    rmdir(l.scratch);
    return 0;
}
