#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/wait.h"

/* What run() writes to standard error. */
static const char *said(void (*run)(void))
{
    static char text[8192];
    int ends[2], kept = dup(2);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], 2);
    run();
    dup2(kept, 2);
    close(kept);
    close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    return text;
}

/* The line behind its time stamp. */
static const char *message_of(const char *line)
{
    const char *colon = strstr(line, "]: ");
    assert_non_null(colon);
    return colon + 3;
}

static void quoting_keeps_what_is_harmless(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        const char *out;
    } table[] = {
        { { "plain text ~", 12 }, "plain text ~" },
        { { "caf\xc3\xa9 \xf0\x9f\x98\x80", 10 }, "caf\xc3\xa9 \xf0\x9f\x98\x80" },
        { { "a\r\nb", 4 }, "a\\x0d\\x0ab" },
        { { "a\0b\x1b[31m\x7f", 9 }, "a\\x00b\\x1b[31m\\x7f" },
        { { "\xe9\xff", 2 }, "\\xe9\\xff" },
        { { "\xc2\x85", 2 }, "\\xc2\\x85" },             /* NEL, a line end for some */
        { { "\xe2\x80\xa8", 3 }, "\\xe2\\x80\\xa8" },     /* LINE SEPARATOR */
        { { "\xe2\x80\xae" "x", 4 }, "\\xe2\\x80\\xaex" }, /* RIGHT-TO-LEFT OVERRIDE */
        { { "\xc0\x8a", 2 }, "\\xc0\\x8a" },             /* an overlong LF */
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        char out[100];
        assert_string_equal(log_quote(out, sizeof(out), table[i].in.data, table[i].in.len),
                            table[i].out);
    }
}

static void quoting_never_cuts_a_character(void **state)
{
    (void)state;
    for (size_t size = 1; size < 20; size++) {
        char out[20];
        memset(out, 'Z', sizeof(out));
        log_quote(out, size, "\xe2\x82\xac\n\xe2\x82\xac", 7);
        static const char *const cuts[] = { "", "\xe2\x82\xac", "\xe2\x82\xac\\x0a",
                                            "\xe2\x82\xac\\x0a\xe2\x82\xac" };
        size_t best = size > 10 ? 3 : size > 7 ? 2 : size > 3 ? 1 : 0;
        assert_string_equal(out, cuts[best]);
        for (size_t i = size; i < sizeof(out); i++)
            assert_int_equal(out[i], 'Z');
    }
}

static void forge(void)
{
    log_open("imapd", LOG_TARGET_STDERR, LOG_LEVEL_INFO);
    log_info("login failed for %s", "x\nNov 22 00:00:00 imapd[1]: login user=root");
}

static void a_client_cannot_forge_a_line(void **state)
{
    (void)state;
    const char *text = said(forge);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_string_equal(message_of(text),
                        "login failed for x\\x0aNov 22 00:00:00 imapd[1]: login user=root\n");
}

static void with_fields(void)
{
    log_open("imapd", LOG_TARGET_STDERR, LOG_LEVEL_INFO);
    log_field("MAIL_USER", "joe");
    log_field("MAIL_REMOTE", "::1");
    log_field("MAIL_SESSION", "a b=\"c\"\n");
    log_info("one");
    log_field("MAIL_REMOTE", NULL);
    log_field("MAIL_USER", "jane");
    log_warning("two");
    log_info("user=jane is said, user=janet not, xuser=jane neither");
    log_info("user=janet xuser=jane");
    log_field("MAIL_USER", NULL);
    log_field("MAIL_SESSION", NULL);
    log_field("MAIL_SESSION", NULL);
    log_error("three");
}

static void fields_follow_each_line(void **state)
{
    (void)state;
    const char *text = message_of(said(with_fields));
    assert_non_null(strstr(text, "one user=joe remote=::1 session=\"a b=\\\"c\\\"\\\\x0a\"\n"));
    assert_non_null(strstr(text, "]: warning: two user=jane session=\"a b=\\\"c\\\"\\\\x0a\"\n"));
    assert_non_null(strstr(text, "neither session=\"a b=\\\"c\\\"\\\\x0a\"\n"));
    assert_non_null(strstr(text, "xuser=jane user=jane session="));
    assert_non_null(strstr(text, "]: error: three\n"));
}

static void many_fields(void)
{
    char name[20], value[400];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    log_open("imapd", LOG_TARGET_STDERR, LOG_LEVEL_INFO);
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "MAIL_F%d", i);
        log_field(name, value);
    }
    log_info("%4000d", 1); /* longer than a line may be */
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "MAIL_F%d", i);
        log_field(name, NULL);
    }
}

static void what_is_too_long_is_cut_and_the_line_still_ends(void **state)
{
    (void)state;
    const char *text = said(many_fields);
    size_t len = strlen(text);
    assert_in_range(len, 2000, 8000);
    assert_int_equal(text[len - 1], '\n');
    assert_non_null(strstr(text, " f15="));
    assert_null(strstr(text, " f16="));
}

static void by_level(void)
{
    log_open("imapd", LOG_TARGET_AUTO, LOG_LEVEL_WARNING); /* a pipe: standard error */
    log_info("not this");
    log_warning("but this");
    errno = EBADF;
    log_error("and this");
    assert_int_equal(errno, EBADF);
    log_open("imapd", LOG_TARGET_STDERR, LOG_LEVEL_DEBUG);
    log_debug("a detail");
}

static void levels_are_chosen(void **state)
{
    (void)state;
    const char *text = said(by_level);
    assert_null(strstr(text, "not this"));
    assert_non_null(strstr(text, "]: warning: but this\n"));
    assert_non_null(strstr(text, "]: error: and this\n"));
    assert_non_null(strstr(text, "]: debug: a detail\n"));
}

/* ---- the system's loggers, played by the test in a root directory of its own ---- */

static int listen_at(const char *top, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char dir[200];
    snprintf(dir, sizeof(dir), "%s%s", top, path);
    *strrchr(dir, '/') = '\0';
    assert_true(file_mkdir(AT_FDCWD, dir, 0755, true, NULL, NULL));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s%s", top, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Opens the log, then goes to an empty root directory, as the login process does, and writes. */
static void log_from_empty_root(const char *top, enum log_target target)
{
    if (geteuid() != 0 && unshare(CLONE_NEWUSER) != 0)
        _exit(77);
    if (chroot(top) != 0 || chdir("/") != 0)
        _exit(77);
    log_open("imapd", target, LOG_LEVEL_INFO);
    if (mkdir("/empty", 0700) != 0 || chroot("/empty") != 0)
        _exit(1);
    log_field("MAIL_USER", "joe\nPRIORITY=0");
    log_warning("disk %s", "full\nFORGED=1");
    _exit(log_fd() > 2 ? 0 : 1);
}

static void receive(enum log_target target, const char *path, char *text, size_t size)
{
    char top[] = "/tmp/postern-log-XXXXXX";
    int status;
    assert_non_null(mkdtemp(top));
    int fd = listen_at(top, path);
    pid_t child = fork();
    if (child == 0)
        log_from_empty_root(top, target);
    waitpid(child, &status, 0);
    file_remove_tree(AT_FDCWD, top, NULL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
    assert_true(wait_ready(fd, POLLIN, 1000));
    ssize_t n = recv(fd, text, size - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
}

static void the_journal_gets_fields(void **state)
{
    char text[4096], *pid;
    (void)state;
    receive(LOG_TARGET_JOURNAL, "/run/systemd/journal/socket", text, sizeof(text));
    assert_non_null(pid = strstr(text, "SYSLOG_PID="));
    assert_memory_equal(text, "MESSAGE=disk full\\x0aFORGED=1 user=\"joe\\\\x0aPRIORITY=0\"\nPRIORITY=4\n"
                              "SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=imapd\n", pid - text);
    assert_string_equal(strchr(pid, '\n'), "\nMAIL_USER=joe\\x0aPRIORITY=0\n");
}

static void syslog_gets_a_line(void **state)
{
    char text[4096], *name;
    (void)state;
    receive(LOG_TARGET_SYSLOG, "/dev/log", text, sizeof(text));
    assert_memory_equal(text, "<20>", 4); /* mail.warning */
    assert_non_null(name = strstr(text, " imapd["));
    assert_int_equal(name - text, 4 + 15); /* "Nov 22 03:10:57" */
    assert_string_equal(message_of(text), "warning: disk full\\x0aFORGED=1 user=\"joe\\\\x0aPRIORITY=0\"");
}

static void without_a_logger_the_work_goes_on(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) {
        if ((geteuid() != 0 && unshare(CLONE_NEWUSER) != 0) || chroot("/proc/self/fd") != 0)
            _exit(77);
        log_open("imapd", LOG_TARGET_SYSLOG, LOG_LEVEL_INFO);
        log_error("nobody hears this");
        _exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoting_keeps_what_is_harmless),
        cmocka_unit_test(quoting_never_cuts_a_character),
        cmocka_unit_test(a_client_cannot_forge_a_line),
        cmocka_unit_test(fields_follow_each_line),
        cmocka_unit_test(what_is_too_long_is_cut_and_the_line_still_ends),
        cmocka_unit_test(levels_are_chosen),
        cmocka_unit_test(the_journal_gets_fields),
        cmocka_unit_test(syslog_gets_a_line),
        cmocka_unit_test(without_a_logger_the_work_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
