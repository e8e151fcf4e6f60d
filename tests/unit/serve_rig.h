/* Starts the tiny protocol of echo_service.h in every way that there is, as root and as an ordinary
 * user, and talks to it. */
#ifndef SERVE_RIG_H
#define SERVE_RIG_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/wait.h"
#include "echo_service.h"
#include "unit.h"

/* The sanitizers need system calls of their own: the filter then refuses instead of killing. */
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

enum way { WAY_LISTEN, WAY_ACTIVATED, WAY_CONNECTED };

#define RIG_OPTIONS_MAX 12

static struct {
    char dir[64];
    uid_t uid; /* the service's and the users' of its password file; 0: root, users are uid 5000 */
    pid_t pid;
    int port;
    const char *options[RIG_OPTIONS_MAX]; /* "name=value" */
    bool ignores_children; /* the starter does, and leaves it so */
} rig;

static void write_file(const char *name, mode_t mode, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, mode);
}

static void write_configuration(void)
{
    char text[2048];
    unsigned uid = rig.uid ? rig.uid : 5000;
    snprintf(text, sizeof(text),
             "alice:{PLAIN}secret:%u:%u::%s/home::userdb_mail=maildir:~/"
             "M\nnolog:{PLAIN}secret:%u:%u::::nologin\n",
             uid, uid, rig.dir, uid, uid);
    write_file("users", rig.uid ? 0644 : 0600, text);
    snprintf(text, sizeof(text),
             "auth = { \"passwd-file:%s/users\" }\ntls_cert = \"%s/tls.crt\"\ntls_key = "
             "\"%s/tls.key\"\nlog = stderr\nlogin_user = nobody\n"
             "login_root = \"%s/root/empty\"\nauth_failure_delay = 0\nfirst_valid_uid = "
             "0\nhostname = \"test.example\"\n",
             rig.dir, rig.dir, rig.dir, rig.dir);
    write_file("postern.conf", 0644, text);
}

/* A key and a certificate: algorithm as for openssl genpkey. */
__attribute__((unused)) static void make_certificate(const char *algorithm)
{
    char command[1024];
    snprintf(command, sizeof(command),
             "cd %s && openssl genpkey -quiet -algorithm %s -out tls.key 2>/dev/null || openssl "
             "genpkey -algorithm %s -out tls.key 2>/dev/null;"
             "openssl req -x509 -new -key tls.key -out tls.crt -days 2 -subj /CN=localhost "
             "2>/dev/null; chmod %s tls.key",
             rig.dir, algorithm, algorithm, rig.uid ? "644" : "600");
    assert_int_equal(system(command), 0);
}

static void add_options(const char **argv, size_t *count)
{
    for (size_t i = 0; i < RIG_OPTIONS_MAX && rig.options[i]; i++) {
        argv[(*count)++] = "-o";
        argv[(*count)++] = rig.options[i];
    }
}

/* In the child: becomes the service with descriptors 0, 1 (and 2 when it is the client's, as inetd
 * has it). */
static void execute(int in, int out, int err, bool passed)
{
    char file[128], number[32];
    const char *argv[4 + 2 * RIG_OPTIONS_MAX] = { "echod", "-c", file };
    size_t count = 3;
    snprintf(file, sizeof(file), "%s/log", rig.dir);
    int log = err >= 0 ? err : open(file, O_WRONLY | O_CREAT | O_APPEND, 0666);
    snprintf(file, sizeof(file), "%s/postern.conf", rig.dir);
    add_options(argv, &count);
    argv[count] = NULL;
    log = fcntl(log, F_DUPFD, 10);
    if (passed) { /* LISTEN_FDS: descriptor 3 */
        dup2(in, 3);
        fcntl(3, F_SETFD, 0); /* where it was 3 already */
        in = open("/dev/null", O_RDWR);
        snprintf(number, sizeof(number), "%ld", (long)getpid());
        setenv("LISTEN_FDS", "1", 1);
        setenv("LISTEN_PID", number, 1);
    }
    dup2(in, 0);
    dup2(out, 1);
    dup2(log, 2);
    for (int fd = passed ? 4 : 3; fd < 64; fd++)
        close(fd);
    setenv("ECHO_SERVICE", "1", 1);
    if (rig.uid && (setgid(rig.uid) != 0 || setuid(rig.uid) != 0))
        _exit(99);
    if (rig.ignores_children)
        signal(SIGCHLD, SIG_IGN);
    execv("/proc/self/exe", (char **)argv);
    _exit(98);
}

static pid_t spawn(int in, int out, int err, bool passed)
{
    pid_t pid = fork();
    if (pid == 0)
        execute(in, out, err, passed);
    assert_true(pid > 0);
    return pid;
}

static int listening_socket(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 64) == 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    rig.port = ntohs(address.sin_port);
    return fd;
}

static int dial(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons((uint16_t)rig.port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

/* Starts the service; for WAY_CONNECTED *client is the one connection that it has. */
static void start_service(enum way way, int *client)
{
    int fd = listening_socket();
    if (way == WAY_CONNECTED) {
        *client = dial();
        int accepted = accept(fd, NULL, NULL);
        close(fd);
        rig.pid = spawn(accepted, accepted, accepted, false);
        close(accepted);
        return;
    }
    rig.pid = spawn(fd, fd, -1, way == WAY_ACTIVATED);
    close(fd);
}

static int service_status(void)
{
    int status;
    assert_int_equal(waitpid(rig.pid, &status, 0), rig.pid);
    rig.pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void stop_service(void)
{
    if (!rig.pid)
        return;
    kill(rig.pid, SIGTERM);
    service_status();
}

/* ---- talking ---- */

static void tell(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* A line without its end, or "<end>"; octet by octet, since what follows is the caller's. */
static const char *hear(int fd)
{
    static char line[1024];
    size_t n = 0;
    while (n < sizeof(line) - 1) {
        if (!wait_ready(fd, POLLIN, 20000))
            fail_msg("nothing came after \"%.*s\"", (int)n, line);
        if (read(fd, line + n, 1) != 1)
            return n ? strcpy(line + n, "<end>") - n : "<end>";
        if (line[n] == '\n')
            break;
        n++;
    }
    while (n > 0 && line[n - 1] == '\r')
        n--;
    line[n] = '\0';
    return line;
}

#define assert_hears(fd, wanted) assert_string_equal(hear(fd), wanted)
static void assert_begins(const char *line, const char *start)
{
    if (strncmp(line, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", line, start);
}

/* openssl s_client as a filter: what we say to the descriptor goes out over TLS. */
__attribute__((unused)) static int tls_client(bool starttls)
{
    int pair[2];
    char where[32];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    snprintf(where, sizeof(where), "127.0.0.1:%d", rig.port);
    if (fork() == 0) {
        dup2(pair[1], 0);
        dup2(pair[1], 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        execlp("openssl", "openssl", "s_client", "-quiet", "-connect", where,
               starttls ? "-starttls" : NULL, "pop3", NULL);
        _exit(97);
    }
    close(pair[1]);
    return pair[0];
}

static bool log_has(const char *text)
{
    char path[128], line[2048];
    bool has = false;
    snprintf(path, sizeof(path), "%s/log", rig.dir);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        has |= strstr(line, text) != NULL;
    if (file)
        fclose(file);
    return has;
}

/* ---- cmocka fixtures: as ourselves, and (when we are root) as nobody ---- */

static int rig_open(uid_t uid)
{
    memset(&rig, 0, sizeof(rig));
    strcpy(rig.dir, "/tmp/test_serve.XXXXXX");
    rig.uid = uid;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(rig.dir) || chmod(rig.dir, 0755) != 0)
        return -1;
    write_file("log", 0666, "");
    write_configuration();
    return 0;
}

static int rig_root(void **state)
{
    (void)state;
    return rig_open(getuid());
}

static int rig_user(void **state)
{
    (void)state;
    return rig_open(getuid() ? getuid() : 65534);
}

static int rig_close(void **state)
{
    char command[128];
    (void)state;
    stop_service();
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    snprintf(command, sizeof(command), "rm -rf %s", rig.dir);
    return system(command);
}

#endif
