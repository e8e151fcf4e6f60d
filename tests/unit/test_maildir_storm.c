/* Other programs rename files a thousand times a second while sessions look, fetch and store. */
#include "maildir_fixture.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum { FILES = 3000, SECONDS = 4 };

static void name_of(char *out, size_t size, int i, const char *flags)
{
    snprintf(out, size, "cur/%d.M%dP1.h,S=60:2,%s", 1000000 + i, i, flags);
}

/* Renames for ever: a few files again and again, others now and then. */
static void renamer(const struct fixture *f)
{
    static const char *const flags[] = { "", "S", "FS", "F" };
    static unsigned char states[FILES];
    unsigned seed = 7;
    char from[100], to[100];
    if (chdir(f->root) != 0)
        _exit(1);
    for (;;) {
        for (int burst = 0; burst < 3; burst++) {
            seed = seed * 1103515245 + 12345;
            int i = (int)((seed >> 8) % (burst ? 10 : FILES));
            name_of(from, sizeof(from), i, flags[states[i]]);
            states[i] = (states[i] + 1) % 4;
            name_of(to, sizeof(to), i, flags[states[i]]);
            if (rename(from, to) != 0)
                _exit(2);
        }
        nanosleep(&(struct timespec){ .tv_nsec = 1500000 }, NULL);
    }
}

static pid_t start(const struct fixture *f, void (*what)(const struct fixture *f))
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        what(f);
    }
    assert_true(pid > 0);
    return pid;
}

/* Still running, then stopped. */
static void stop(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fill(struct fixture *f)
{
    char path[100];
    for (int i = 0; i < FILES; i++) {
        name_of(path, sizeof(path), i, "");
        fixture_put(f, path, MAIL("storm"));
    }
}

static void nothing_is_lost_or_new_while_files_are_renamed(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    pid_t pid = start(f, renamer);
    assert_int_equal(mailbox_count(mailbox), FILES);
    int64_t end = now_ms() + SECONDS * 1000;
    unsigned syncs = 0, changed = 0, reopened = 0;
    while (now_ms() < end) {
        struct mailbox_changes changes = fixture_sync(f, mailbox);
        assert_int_equal(changes.expunged_count, 0);
        assert_false(changes.exists);
        assert_int_equal(mailbox_count(mailbox), FILES);
        changed += changes.changed_count > 0;
        if (++syncs % 20 == 0) {
            mailbox_close(&mailbox);
            if (syncs % 60 == 0)
                fixture_unlink(f, "postern.index.2");
            mailbox = fixture_open(f, "INBOX", syncs % 40 == 0);
            assert_int_equal(mailbox_count(mailbox), FILES);
            assert_int_equal(mailbox_uidnext(mailbox), FILES + 1);
            reopened++;
        }
    }
    stop(pid);
    assert_true(syncs > 20 && changed > 10 && reopened > 0);
    for (uint32_t seq = 1; seq <= FILES; seq++)
        assert_int_equal(fixture_uid(mailbox, seq), seq);
    mailbox_close(&mailbox);
}

static void fetch_and_store_find_their_files_in_the_storm(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct numset some = { 0 };
    numset_add(&some, 1, 40);
    pid_t pid = start(f, renamer);
    for (uint32_t seq = 1; seq <= 40; seq++)
        free(fixture_read(f, mailbox, seq));
    stop(pid); /* it would stop at a file that we renamed */
    fixture_sync(f, mailbox);
    assert_ok(f, mailbox_store(mailbox, &some, STORE_ADD, FLAG_ANSWERED, 0, NULL, &f->err));
    for (uint32_t seq = 1; seq <= 40; seq++)
        assert_true(fixture_flags(mailbox, seq) & FLAG_ANSWERED);
    assert_int_equal(mailbox_count(mailbox), FILES);
    numset_free(&some);
    mailbox_close(&mailbox);
}

/* Another session of ours sets and clears flags of the same messages as fast as it can. */
static void flagger(const struct fixture *f)
{
    struct store_user user = {
        .name = "user", .home = f->home, .service = "imap", .conf = &f->conf
    };
    struct error err;
    struct store *store = store_open(&user, &err);
    struct mailbox *mailbox = store ? mailbox_open(store, BYTES("INBOX"), true, &err) : NULL;
    struct numset some = { 0 };
    if (!mailbox || !numset_add(&some, 1, 20))
        _exit(1);
    for (int i = 0;; i++)
        if (!mailbox_store(mailbox, &some, i % 2 ? STORE_ADD : STORE_REMOVE, FLAG_FLAGGED, 0, NULL,
                           &err)) {
            fprintf(stderr, "%s\n", err.text);
            _exit(2);
        }
}

static void two_sessions_store_on_the_same_messages(void **state)
{
    struct fixture *f = *state;
    fill(f);
    struct mailbox *mailbox = fixture_open(f, "INBOX", true);
    struct numset some = { 0 };
    numset_add(&some, 1, 20);
    pid_t pid = start(f, flagger);
    int64_t end = now_ms() + SECONDS * 500;
    for (int i = 0; now_ms() < end; i++) {
        enum store_mode mode = i % 2 ? STORE_REMOVE : STORE_ADD;
        assert_ok(f, mailbox_store(mailbox, &some, mode, FLAG_SEEN, 0, NULL, &f->err));
        for (uint32_t seq = 1; seq <= 20; seq++)
            assert_int_equal(!(fixture_flags(mailbox, seq) & FLAG_SEEN), i % 2);
        assert_int_equal(fixture_sync(f, mailbox).expunged_count, 0);
    }
    stop(pid);
    assert_int_equal(fixture_count(f, "cur", "h,S=60"), FILES);
    numset_free(&some);
    mailbox_close(&mailbox);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_lost_or_new_while_files_are_renamed),
        TEST(fetch_and_store_find_their_files_in_the_storm),
        TEST(two_sessions_store_on_the_same_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
