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
#include "lmtpd/finder.h"
#include "lmtpd/wire.h"
#include "lmtpd/worker.h"
#include "unit.h"

static char dir[] = "/tmp/test_lmtp_worker.XXXXXX";
static struct conf conf;
static pid_t worker;
static int control; /* what its monitor would have */
static struct finder finder;
static struct buf heard;

static void put_address(struct buf *address, const char *local)
{
    *address = BUF_INIT(1000);
    field_put(address, bytes_of(local));
    field_put(address, BYTES(""));
}

/* What the finder says of local: true, with the order for a worker; false with *class. */
static bool find(const char *local, struct buf *order, uint32_t *class)
{
    struct buf address, packed = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    struct error err = { 0 };
    uint32_t detail;
    put_address(&address, local);
    bool found = finder_ask(&finder, buf_view(&address), -1, &packed, &detail, &err);
    *order = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    field_put(order, BYTES(""));
    field_put(order, buf_view(&packed));
    *class = err.class;
    buf_free(&address);
    buf_free(&packed);
    return found;
}

/* The worker of a recipient; the descriptor that its parser would have. */
static int start(struct bytes order)
{
    int pair[2], orders[2];
    struct connection connection = { .conf = &conf };
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, orders), 0);
    worker = fork();
    if (worker == 0) {
        close(pair[0]);
        close(orders[0]);
        finder_end(&finder);
        _exit(lmtp_worker_run(&connection, orders[1], pair[1], order));
    }
    close(pair[1]);
    close(orders[1]);
    control = orders[0];
    return pair[0];
}

static int start_alice(void)
{
    struct buf order;
    uint32_t class;
    assert_true(find("alice", &order, &class));
    int fd = start(buf_view(&order));
    buf_free(&order);
    return fd;
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
    close(control);
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
    int fd = start_alice();
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
    int before = count("new"), file = -1, fd = start_alice();
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

static void test_a_conversation_is_one_message(void **state)
{
    (void)state;
    uint32_t class;
    int before = count("new"), file, fd = opened(&file);
    commit(fd, 12, 14);
    commit(fd, 12, 14);
    /* What the second leaves unread may take the answer to the first with it. */
    int answers = 0;
    for (int i = 0; i < 3; i++)
        answers += hear(fd, &class, NULL) != 0;
    assert_true(answers <= 1);
    close(file);
    end(fd);
    assert_int_equal(count("new"), before + 1);
}

/* Another conversation for the worker that is there. */
static int again(const char *local)
{
    int pair[2];
    struct buf order;
    uint32_t class;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    if (local)
        assert_true(find(local, &order, &class));
    else
        order = BUF_INIT(100);
    if (!local) {
        field_put(&order, BYTES(""));
        field_put(&order, BYTES(""));
    }
    assert_true(privsep_send(control, LMTP_ORDER, buf_view(&order), pair[1], NULL));
    buf_free(&order);
    close(pair[1]);
    return pair[0];
}

static void say_one(int fd)
{
    uint32_t class;
    int file;
    assert_int_equal(hear(fd, &class, NULL), LMTP_ACCOUNT);
    assert_int_equal(class, ERROR_NONE);
    tell(fd, LMTP_OPEN, BYTES(""));
    assert_int_equal(hear(fd, &class, &file), LMTP_OPENED);
    assert_int_equal(write(file, "Subject: x\n\n", 12), 12);
    commit(fd, 12, 14);
    assert_int_equal(hear(control, &class, NULL), LMTP_IDLE); /* before what the parser hears */
    assert_int_equal(hear(fd, &class, NULL), LMTP_DONE);
    close(file);
    close(fd);
}

static void test_a_worker_takes_message_after_message_for_those_of_its_uid(void **state)
{
    (void)state;
    int before = count("new"), bobs = count("../../bob/Maildir/new");
    say_one(start_alice());
    say_one(again(NULL));
    say_one(again("bob"));
    say_one(again(NULL));
    say_one(again("alice"));
    assert_int_equal(count("new"), before + 3);
    assert_int_equal(count("../../bob/Maildir/new"), bobs + 2);
    assert_int_equal(count("tmp"), 0);
    assert_int_equal(end(again(NULL)), 0);
}

static void test_a_worker_cannot_become_another_uid(void **state)
{
    (void)state;
    uint32_t class;
    int fd = start_alice();
    hear(fd, &class, NULL);
    close(fd);
    assert_int_equal(hear(control, &class, NULL), LMTP_IDLE);
    fd = again("other");
    assert_int_equal(hear(fd, &class, NULL), LMTP_ACCOUNT);
    assert_int_not_equal(class, ERROR_NONE);
    assert_int_equal(hear(fd, &class, NULL), 0);
    assert_int_not_equal(end(fd), 0);
}

static void test_a_mailbox_that_was_removed_between_two_messages_is_made_again(void **state)
{
    (void)state;
    char command[128];
    say_one(start_alice());
    snprintf(command, sizeof(command), "rm -rf %s/home/Maildir", dir);
    assert_int_equal(system(command), 0);
    say_one(again(NULL));
    assert_int_equal(count("new"), 1);
    assert_int_equal(end(again(NULL)), 0);
}

static void test_nobodys_name_and_entries_that_cannot_be_served_are_not_found(void **state)
{
    (void)state;
    static const struct {
        const char *local;
        uint32_t class;
    } cases[] = { { "nobody-such", ERROR_NO_SUCH },   { "zero", ERROR_TEMPORARY },
                  { "zerogroup", ERROR_TEMPORARY },   { "../alice", ERROR_NO_SUCH },
                  { "alice\n", ERROR_NO_SUCH },       { "alice:{PLAIN}", ERROR_NO_SUCH },
                  { "zero+detail", ERROR_TEMPORARY }, { "+", ERROR_NO_SUCH } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf order;
        uint32_t class;
        assert_false(find(cases[i].local, &order, &class));
        if (class != cases[i].class)
            fail_msg("%s: class %u", cases[i].local, class);
        buf_free(&order);
    }
}

static void test_an_order_for_nobody_ends_the_worker(void **state)
{
    (void)state;
    static const char *const orders[] = { "", "x", "\0\0\0\0\0\0\0\0", "\0\0\0\0\4\0\0\0abcd",
                                          "\0\0\0\0\xff\xff\xff\x7f" };
    static const size_t lengths[] = { 0, 1, 8, 12, 8 };
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint32_t class;
        int fd = start(bytes_make(orders[i], lengths[i]));
        assert_int_equal(hear(fd, &class, NULL), LMTP_ACCOUNT);
        assert_int_not_equal(class, ERROR_NONE);
        assert_int_not_equal(end(fd), 0);
    }
}

/* The finder lives on; who is new meanwhile is found, since no old process calls anybody unknown.
 */
static void test_a_user_who_is_added_is_found_at_once(void **state)
{
    (void)state;
    struct buf order;
    uint32_t class;
    char path[128], new[128];
    assert_true(find("alice", &order, &class));
    buf_free(&order);
    usleep((FINDER_FRESH + 100) * 1000);
    snprintf(path, sizeof(path), "%s/users", dir);
    snprintf(new, sizeof(new), "%s/users.new", dir);
    FILE *file = fopen(new, "w");
    assert_non_null(file);
    fprintf(file, "newcomer:x:%u:%u::%s/home\n", getuid() ? getuid() : 5000,
            getuid() ? getuid() : 5000, dir);
    fclose(file);
    assert_int_equal(rename(new, path), 0);
    pid_t before = finder.pid;
    assert_true(find("newcomer", &order, &class));
    buf_free(&order);
    assert_int_not_equal(finder.pid, before);
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
    snprintf(path, sizeof(path), "%s/bob", dir);
    if (mkdir(path, 0700) != 0 || chown(path, uid, uid) != 0)
        return -1;
    snprintf(path, sizeof(path), "%s/users", dir);
    snprintf(text, sizeof(text),
             "alice:x:%u:%u::%s/home\nbob:x:%u:%u::%s/bob\nother:x:%u:%u::%s/other\n"
             "zero:x:0:5000\nzerogroup:x:%u:0\n",
             uid, uid, dir, uid, uid, dir, uid + 1, uid + 1, dir, uid);
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
    finder = FINDER_INIT(&conf);
    return conf_load(&conf, "/dev/null", options, sizeof(options) / sizeof(options[0]), &err) ? 0
                                                                                              : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    finder_end(&finder);
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
        cmocka_unit_test(test_a_conversation_is_one_message),
        cmocka_unit_test(test_a_worker_takes_message_after_message_for_those_of_its_uid),
        cmocka_unit_test(test_a_worker_cannot_become_another_uid),
        cmocka_unit_test(test_a_mailbox_that_was_removed_between_two_messages_is_made_again),
        cmocka_unit_test(test_an_order_for_nobody_ends_the_worker),
        cmocka_unit_test(test_nobodys_name_and_entries_that_cannot_be_served_are_not_found),
        cmocka_unit_test(test_a_user_who_is_added_is_found_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
