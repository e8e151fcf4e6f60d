/* A session is killed at any moment: what it acknowledged through the pipe is there afterwards, and
 * no UID stands for two messages. */
#include "maildir_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

enum { ROUNDS = 60 };

struct ack {
    enum { READY, APPENDED, STORED, COPIED, MOVED } what;
    uint32_t uid, number; /* number: in the subject */
    uint8_t flags;
};

static void acknowledge(int fd, struct ack ack)
{
    if (write(fd, &ack, sizeof(ack)) != (ssize_t)sizeof(ack))
        _exit(9);
}

static void give_up(const struct error *err)
{
    fprintf(stderr, "%s\n", err->text);
    _exit(8);
}

static void append_two(struct store *store, uint32_t number, int fd)
{
    struct error err = { 0 };
    struct append *append = append_begin(store, BYTES("INBOX"), &err);
    struct append_result result;
    for (uint32_t i = 0; append && i < 2; i++) {
        struct append_info info = { .flags = i ? FLAG_SEEN : 0 };
        char text[200];
        int len =
            snprintf(text, sizeof(text), "Subject: %u\r\n\r\nbody %u\r\n", number + i, number + i);
        if (!append_message(append, &info, &err) ||
            !append_write(append, bytes_make(text, (size_t)len), &err) ||
            !append_message_end(append, &err))
            give_up(&err);
    }
    if (!append || !append_commit(&append, &result, &err))
        give_up(&err);
    for (uint32_t i = 0; i < 2; i++)
        acknowledge(fd, (struct ack){ APPENDED, result.first_uid + i, number + i, 0 });
}

static void store_last(struct mailbox *mailbox, uint32_t number, int fd)
{
    struct error err = { 0 };
    struct numset last = { 0 };
    uint32_t count = mailbox_count(mailbox);
    static const uint8_t flags[] = { FLAG_FLAGGED, FLAG_ANSWERED, FLAG_DRAFT };
    uint8_t flag = flags[number % 3];
    if (!count || !numset_add(&last, count, count))
        return;
    uint32_t uid = fixture_uid(mailbox, count);
    if (!mailbox_store(mailbox, &last, STORE_ADD, flag, 0, NULL, &err))
        give_up(&err);
    acknowledge(fd, (struct ack){ STORED, uid, 0, flag });
    numset_free(&last);
}

static void copy_some(struct mailbox *mailbox, bool move, int fd)
{
    struct error err = { 0 };
    struct numset some = { 0 };
    struct copy_result result;
    uint32_t count = mailbox_count(mailbox), first = count > 3 ? count - 2 : 1;
    if (!count || !numset_add(&some, move ? 1 : first, move ? 1 : count))
        return;
    if (!mailbox_copy(mailbox, &some, BYTES("copies"), move, &result, &err))
        give_up(&err);
    for (size_t i = 0; i < result.count; i++)
        acknowledge(fd, (struct ack){ move ? MOVED : COPIED, result.to[i], result.from[i], 0 });
    free(result.from);
    free(result.to);
    numset_free(&some);
}

static void work(const struct fixture *f, uint32_t number, int fd)
{
    struct store_user user = {
        .name = "user", .home = f->home, .service = "imap", .conf = &f->conf
    };
    struct error err = { 0 };
    struct store *store = store_open(&user, &err);
    struct mailbox *mailbox = store ? mailbox_open(store, BYTES("INBOX"), true, &err) : NULL;
    struct mailbox_changes changes;
    if (!mailbox)
        give_up(&err);
    acknowledge(fd, (struct ack){ .what = READY });
    for (;; number += 2) {
        append_two(store, number, fd);
        if (!mailbox_sync(mailbox, false, &changes, &err))
            give_up(&err);
        store_last(mailbox, number, fd);
        copy_some(mailbox, number % 3 == 0, fd);
        if (number % 8 == 0) {
            mailbox_close(&mailbox);
            mailbox = mailbox_open(store, BYTES("INBOX"), true, &err);
            if (!mailbox)
                give_up(&err);
        }
    }
}

/* Lets a child work for a while; the acknowledgements that it gave. */
static size_t work_and_kill(struct fixture *f, uint32_t number, unsigned ms, struct ack *acks,
                            size_t most)
{
    int ends[2], status;
    size_t count = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        work(f, number, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], acks, sizeof(*acks)), sizeof(*acks));
    assert_int_equal(acks[0].what, READY);
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (count < most && read(ends[0], &acks[count], sizeof(*acks)) == (ssize_t)sizeof(*acks))
        count++;
    close(ends[0]);
    return count;
}

static void subject_is(struct fixture *f, struct mailbox *mailbox, uint32_t uid, uint32_t number)
{
    char wanted[60];
    uint32_t seq = mailbox_seq(mailbox, uid);
    assert_true(seq > 0);
    char *text = fixture_read(f, mailbox, seq);
    snprintf(wanted, sizeof(wanted), "Subject: %u\r\n\r\nbody %u\r\n", number, number);
    assert_string_equal(text, wanted);
    free(text);
}

static bool was_moved(const struct ack *acks, size_t count, uint32_t uid)
{
    for (size_t i = 0; i < count; i++)
        if (acks[i].what == MOVED && acks[i].number == uid)
            return true;
    return false;
}

/* The message itself is in INBOX, or a move that was not acknowledged any more took it to the other
 * mailbox. */
static void check_ack(struct fixture *f, struct mailbox *inbox, struct mailbox *copies,
                      const struct ack *acks, size_t count, size_t i)
{
    const struct ack *ack = &acks[i];
    if (ack->what == COPIED || ack->what == MOVED) {
        assert_true(mailbox_seq(copies, ack->uid) > 0);
    } else if (ack->what == APPENDED && mailbox_seq(inbox, ack->uid)) {
        subject_is(f, inbox, ack->uid, ack->number);
    } else if (ack->what == STORED && mailbox_seq(inbox, ack->uid)) {
        assert_int_equal(fixture_flags(inbox, mailbox_seq(inbox, ack->uid)) & ack->flags,
                         ack->flags);
    } else if (ack->what == APPENDED && !was_moved(acks, count, ack->uid)) {
        /* the only move without acknowledgement is the last one, of the first message */
        assert_true(mailbox_count(inbox) == 0 || fixture_uid(inbox, 1) > ack->uid);
        assert_true(mailbox_count(copies) > 0);
    }
}

static void what_was_acknowledged_is_there(void **state)
{
    struct fixture *f = *state;
    static struct ack acks[20000];
    size_t count = 0, before = 0;
    uint32_t number = 1, lost = 0;
    assert_ok(f, store_create(f->store, BYTES("copies"), (struct bytes){ 0 }, &f->err));
    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        before = count;
        count += work_and_kill(f, number, (unsigned)rand() % 60, acks + count, 20000 - count);
        number += 1000;
        struct mailbox *inbox = fixture_open(f, "INBOX", true),
                       *copies = fixture_open(f, "copies", true);
        for (size_t i = before; i < count; i++)
            check_ack(f, inbox, copies, acks, count, i);
        for (size_t i = before; i < count;
             i++) /* a move that was under way took at most one message away */
            lost += acks[i].what == APPENDED && !mailbox_seq(inbox, acks[i].uid) &&
                    !was_moved(acks, count, acks[i].uid);
        assert_true(lost <= (uint32_t)round + 1);
        for (size_t i = before; i + 1 < count; i++)
            for (size_t k = i + 1; k < count && acks[i].what == APPENDED; k++)
                assert_false(acks[k].what == APPENDED && acks[k].uid == acks[i].uid);
        mailbox_close(&inbox);
        mailbox_close(&copies);
    }
    assert_true(count > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_acknowledged_is_there, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
