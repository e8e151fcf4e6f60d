/* A user with an empty Maildir below /tmp, for the tests of Maildir and mailboxes. */
#ifndef MAILDIR_FIXTURE_H
#define MAILDIR_FIXTURE_H

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "conf/conf.h"
#include "mailbox/mailbox_private.h"

struct fixture {
    char home[64], root[80];
    struct conf conf;
    struct store *store;
    struct error err;
};

#define MAIL(text) "From: a@example.org\nSubject: " text "\n\n" text " body\n"
/* On success err says nothing; where a test fails it tells why. */
#define assert_ok(f, call)                                                                         \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, (f)->err.text);                                              \
    } while (0)

static inline void fixture_open_store(struct fixture *f)
{
    struct store_user user = {
        .name = "user", .home = f->home, .service = "imap", .conf = &f->conf
    };
    f->store = store_open(&user, &f->err);
    if (!f->store)
        fail_msg("%s", f->err.text);
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char overrides[128];
    if (!f)
        return -1;
    snprintf(f->home, sizeof(f->home), "/tmp/postern-maildir-XXXXXX");
    if (!mkdtemp(f->home)) {
        free(f);
        return -1;
    }
    snprintf(f->root, sizeof(f->root), "%s/Maildir", f->home);
    snprintf(overrides, sizeof(overrides), "mail=maildir:%s", f->root);
    const char *const list[] = { overrides };
    if (!conf_load(&f->conf, "/dev/null", list, 1, &f->err)) {
        fprintf(stderr, "%s\n", f->err.text);
        free(f);
        return -1;
    }
    fixture_open_store(f);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    store_close(&f->store);
    conf_free(&f->conf);
    file_remove_tree(AT_FDCWD, f->home, NULL);
    free(f);
    return 0;
}

static inline struct mailbox *fixture_open(struct fixture *f, const char *name, bool write)
{
    struct mailbox *mailbox = mailbox_open(f->store, bytes_of(name), write, &f->err);
    if (!mailbox)
        fail_msg("opening %s: %s", name, f->err.text);
    return mailbox;
}

static inline struct mailbox_changes fixture_sync(struct fixture *f, struct mailbox *mailbox)
{
    struct mailbox_changes changes;
    assert_ok(f, mailbox_sync(mailbox, false, &changes, &f->err));
    return changes;
}

/* A file as another program would put it there; path below the mail directory. */
static inline void fixture_put(struct fixture *f, const char *path, const char *text)
{
    char whole[400];
    snprintf(whole, sizeof(whole), "%s/%s", f->root, path);
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static inline void fixture_rename(struct fixture *f, const char *from, const char *to)
{
    char a[400], b[400];
    snprintf(a, sizeof(a), "%s/%s", f->root, from);
    snprintf(b, sizeof(b), "%s/%s", f->root, to);
    assert_int_equal(rename(a, b), 0);
}

static inline void fixture_unlink(struct fixture *f, const char *path)
{
    char whole[400];
    snprintf(whole, sizeof(whole), "%s/%s", f->root, path);
    assert_int_equal(unlink(whole), 0);
}

static inline bool fixture_exists(struct fixture *f, const char *path)
{
    char whole[400];
    snprintf(whole, sizeof(whole), "%s/%s", f->root, path);
    return access(whole, F_OK) == 0;
}

/* A file's text; free it. */
static inline char *fixture_text(struct fixture *f, const char *path)
{
    char whole[400];
    struct buf text = BUF_INIT(1 << 24);
    snprintf(whole, sizeof(whole), "%s/%s", f->root, path);
    assert_ok(f, file_read(AT_FDCWD, whole, 1 << 24, &text, &f->err));
    char *copy = strdup(buf_cstr(&text));
    buf_free(&text);
    return copy;
}

/* How many entries a directory has whose name contains part. */
static inline int fixture_count(struct fixture *f, const char *path, const char *part)
{
    char whole[400];
    struct dirent *entry;
    int count = 0;
    snprintf(whole, sizeof(whole), "%s/%s", f->root, path);
    DIR *dir = opendir(whole);
    assert_non_null(dir);
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.' && strstr(entry->d_name, part);
    closedir(dir);
    return count;
}

static inline uint32_t fixture_uid(struct mailbox *mailbox, uint32_t seq)
{
    struct message message = { 0 };
    return mailbox_message(mailbox, seq, &message) ? message.uid : 0;
}

static inline uint8_t fixture_flags(struct mailbox *mailbox, uint32_t seq)
{
    struct message message = { 0 };
    assert_true(mailbox_message(mailbox, seq, &message));
    return message.flags & (uint8_t)~FLAG_RECENT;
}

/* The whole message in wire form; free it. */
static inline char *fixture_read(struct fixture *f, struct mailbox *mailbox, uint32_t seq)
{
    struct buf text = BUF_INIT(1 << 24);
    struct bytes piece;
    int more;
    struct input *input = mailbox_read(mailbox, seq, NULL, &f->err);
    if (!input)
        fail_msg("reading %u: %s", seq, f->err.text);
    while ((more = input_next(input, &piece, &f->err)) > 0) {
        buf_bytes(&text, piece);
        input_consume(input, piece.len);
    }
    if (more < 0)
        fail_msg("reading %u: %s", seq, f->err.text);
    input_close(&input);
    char *copy = strdup(buf_cstr(&text));
    buf_free(&text);
    return copy;
}

static inline struct append_result fixture_append(struct fixture *f, const char *mailbox,
                                                  const char *text, uint8_t flags)
{
    struct append *append = append_begin(f->store, bytes_of(mailbox), &f->err);
    struct append_info info = { .flags = flags };
    struct append_result result;
    if (!append)
        fail_msg("appending to %s: %s", mailbox, f->err.text);
    assert_ok(f, append_message(append, &info, &f->err) &&
                     append_write(append, bytes_of(text), &f->err) &&
                     append_message_end(append, &f->err) &&
                     append_commit(&append, &result, &f->err));
    return result;
}

#endif
