/* A parser that has been taken over: it tells the process of a delivery what it likes, and no
 * message comes of it. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/log.h"
#include "lmtpd/wire.h"
#include "lmtpd/worker.h"
#include "unit.h"

static char dir[] = "/tmp/test_lmtp_worker.XXXXXX";
static struct conf conf;
static pid_t worker;
static struct buf heard;

/* The worker of a recipient; the descriptor that its parser would have. */
static int start(const char *local)
{
    int pair[2];
    struct connection connection = { .conf = &conf };
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    worker = fork();
    if (worker == 0) {
        close(pair[0]);
        _exit(lmtp_worker_run(&connection, pair[1], bytes_of(local), BYTES("")));
    }
    close(pair[1]);
    return pair[0];
}

/* Type of the next message, 0 at the worker's end; *class: the number that it starts with. */
static unsigned hear(int fd, uint32_t *class, int *file)
{
    unsigned type = 0;
    *class = 99;
    if (privsep_receive(fd, NULL, 20000, &type, &heard, file, NULL) <= 0)
        return 0;
    struct bytes rest = buf_view(&heard);
    field_get_number(&rest, class);
    return type;
}

static void tell(int fd, unsigned type, struct bytes payload)
{
    privsep_send(fd, type, payload, -1, NULL);
}

static void commit(int fd, uint64_t size, uint64_t wire)
{
    struct buf payload = BUF_INIT(1000);
    wire_put_u64(&payload, size);
    wire_put_u64(&payload, wire);
    for (int i = 0; i < 3; i++)
        field_put(&payload, BYTES("a\r\nforged line"));
    tell(fd, LMTP_COMMIT, buf_view(&payload));
    buf_free(&payload);
}

static int end(int fd)
{
    int status;
    close(fd);
    assert_int_equal(waitpid(worker, &status, 0), worker);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int count(const char *folder)
{
    char path[128];
    int n = 0;
    snprintf(path, sizeof(path), "%s/home/Maildir/%s", dir, folder);
    DIR *stream = opendir(path);
    for (struct dirent *entry; stream && (entry = readdir(stream));)
        n += entry->d_name[0] != '.';
    if (stream)
        closedir(stream);
    return n;
}

/* A worker that has opened a file, with a message of 12 octets (14 in wire form) in it. */
static int opened(int *file)
{
    uint32_t class;
    int fd = start("alice");
    assert_int_equal(hear(fd, &class, NULL), LMTP_ACCOUNT);
    assert_int_equal(class, ERROR_NONE);
    tell(fd, LMTP_OPEN, BYTES(""));
    assert_int_equal(hear(fd, &class, file), LMTP_OPENED);
    assert_true(*file >= 0);
    assert_int_equal(write(*file, "Subject: x\n\n", 12), 12);
    return fd;
}

static void test_an_honest_parser_gets_its_message_delivered(void **state)
{
    (void)state;
    uint32_t class;
    int file, fd = opened(&file);
    commit(fd, 12, 14);
    assert_int_equal(hear(fd, &class, NULL), LMTP_DONE);
    close(file);
    assert_int_equal(end(fd), 0);
    assert_int_equal(count("new"), 1);
    assert_int_equal(count("tmp"), 0);
}

static void test_sizes_that_lie_are_no_message(void **state)
{
    (void)state;
    static const uint64_t lies[][2] = {
        { 11, 13 }, { 12, 12 },           { 12, 15 },
        { 0, 0 },   { 1 << 20, 1 << 20 }, { UINT64_MAX, UINT64_MAX }
    };
    int before = count("new");
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        uint32_t class;
        int file, fd = opened(&file);
        commit(fd, lies[i][0], lies[i][1]);
        assert_int_equal(hear(fd, &class, NULL), LMTP_FAILED);
        close(file);
        end(fd);
        assert_int_equal(count("new"), before);
        assert_int_equal(count("tmp"), 0);
    }
}

static void test_the_limit_of_a_messages_size_is_the_workers_too(void **state)
{
    (void)state;
    uint32_t class;
    int before = count("new"), file, fd;
    conf.message_size_limit = 100;
    fd = opened(&file);
    assert_int_equal(ftruncate(file, 1 << 20), 0);
    commit(fd, 1 << 20, (1 << 20) + 2);
    assert_int_equal(hear(fd, &class, NULL), LMTP_FAILED);
    assert_int_equal(class, ERROR_TOO_BIG);
    conf.message_size_limit = 0;
    close(file);
    end(fd);
    assert_int_equal(count("new"), before);
}

static void test_what_is_out_of_order_ends_the_delivery(void **state)
{
    (void)state;
    uint32_t class;
    int before = count("new"), file = -1, fd = start("alice");
    hear(fd, &class, NULL);
    commit(fd, 12, 14); /* nothing was opened */
    assert_int_equal(hear(fd, &class, NULL), 0);
    end(fd);
    fd = opened(&file);
    tell(fd, LMTP_OPEN, BYTES("")); /* twice */
    assert_int_equal(hear(fd, &class, NULL), 0);
    close(file);
    end(fd);
    fd = opened(&file);
    tell(fd, LMTP_COMMIT, BYTES("short"));
    assert_int_equal(hear(fd, &class, NULL), 0);
    close(file);
    end(fd);
    fd = opened(&file);
    tell(fd, LMTP_COMMIT,
         BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
               "\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff\xff")); /* lengths */
    assert_int_equal(hear(fd, &class, NULL), LMTP_FAILED);
    close(file);
    end(fd);
    assert_int_equal(count("new"), before);
    assert_int_equal(count("tmp"), 0);
}

static void test_a_second_message_needs_a_second_worker(void **state)
{
    (void)state;
    uint32_t class;
    int before = count("new"), file, fd = opened(&file);
    commit(fd, 12, 14);
    commit(fd, 12, 14);
    assert_int_equal(hear(fd, &class, NULL), LMTP_DONE);
    assert_int_equal(hear(fd, &class, NULL), 0);
    close(file);
    end(fd);
    assert_int_equal(count("new"), before + 1);
}

static void test_nobodys_name_and_the_systems_accounts_get_no_worker(void **state)
{
    (void)state;
    static const struct {
        const char *local;
        uint32_t class;
    } cases[] = { { "nobody-such", ERROR_NO_SUCH },       { "zero", ERROR_NOT_PERMITTED },
                  { "zerogroup", ERROR_NOT_PERMITTED },   { "../alice", ERROR_NO_SUCH },
                  { "alice\n", ERROR_NO_SUCH },           { "alice:{PLAIN}", ERROR_NO_SUCH },
                  { "zero+detail", ERROR_NOT_PERMITTED }, { "+", ERROR_NO_SUCH } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t class;
        int fd = start(cases[i].local);
        assert_int_equal(hear(fd, &class, NULL), LMTP_ACCOUNT);
        if (class != cases[i].class)
            fail_msg("%s: class %u", cases[i].local, class);
        assert_int_equal(hear(fd, &class, NULL), 0);
        assert_int_not_equal(end(fd), 0);
    }
}

static int set_up(void **state)
{
    (void)state;
    char auth[256], root[128], path[128], text[512];
    unsigned uid = getuid() ? getuid() : 5000;
    struct error err = { 0 };
    if (!mkdtemp(dir) || chmod(dir, 0755) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/home", dir);
    if (mkdir(path, 0700) != 0 || chown(path, uid, uid) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/users", dir);
    snprintf(text, sizeof(text), "alice:x:%u:%u::%s/home\nzero:x:0:5000\nzerogroup:x:%u:0\n", uid,
             uid, dir, uid);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        return -1;
    snprintf(auth, sizeof(auth), "auth=passwd-file:%s", path);
    snprintf(root, sizeof(root), "login_root=%s/empty", dir);
    const char *const options[] = { auth, root, "login_user=nobody", "first_valid_uid=0",
                                    "mail=maildir:~/Maildir" };
    signal(SIGPIPE, SIG_IGN);
    log_open("test_lmtp_worker", LOG_TARGET_SYSLOG, LOG_LEVEL_ERROR);
    heard = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    return conf_load(&conf, "/dev/null", options, sizeof(options) / sizeof(options[0]), &err) ? 0
                                                                                              : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    conf_free(&conf);
    buf_free(&heard);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_honest_parser_gets_its_message_delivered),
        cmocka_unit_test(test_sizes_that_lie_are_no_message),
        cmocka_unit_test(test_the_limit_of_a_messages_size_is_the_workers_too),
        cmocka_unit_test(test_what_is_out_of_order_ends_the_delivery),
        cmocka_unit_test(test_a_second_message_needs_a_second_worker),
        cmocka_unit_test(test_nobodys_name_and_the_systems_accounts_get_no_worker),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
