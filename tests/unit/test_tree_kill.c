/* A process that changes the tree of mailboxes is killed at each of its steps in turn: every
 * message is then in exactly one mailbox that is shown, with its list of UIDs, and the same change
 * can be made again. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "unit.h"
#include "base/file.h"
#include "mailbox/store.h"

/* ---- what changes a directory goes through here: the program's own definitions are taken before
 * libc's ---- */

static int steps_left = -1; /* -1: no end */

static void step(void)
{
    if (steps_left == 0)
        _exit(9);
    if (steps_left > 0)
        steps_left--;
}

int rename(const char *from, const char *to)
{
    step();
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    step();
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    step();
    return (int)syscall(SYS_mkdirat, dir, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    step();
    return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int unlinkat(int dir, const char *path, int flags)
{
    step();
    return (int)syscall(SYS_unlinkat, dir, path, flags);
}

int rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int fsync(int fd)
{
    (void)fd; /* no power is cut here */
    return 0;
}

/* ---- the tree: a, a/b and a/b/c, each with one message and a list of UIDs that names it ---- */

static char home[64];
static const char *options;

static struct store *open_store(struct conf *conf)
{
    char mail[300];
    const char *const overrides[] = { mail, "namespace/in/inbox=yes", "namespace/in/separator=/" };
    const struct store_user user = { "bob", home, "imap", conf };
    struct error err = { 0 };
    snprintf(mail, sizeof(mail), "mail=maildir:~/M:CONTROL=~/c:INDEX=~/i%s", options);
    struct store *store =
        conf_load(conf, "/dev/null", overrides, 3, &err) ? store_open(&user, &err) : NULL;
    if (!store)
        fail_msg("%s", err.text);
    return store;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* "a/b" in directory kind: "M/.a.b" or "M/a/b". */
static void place(char *out, size_t size, const char *kind, const char *name)
{
    int start = snprintf(out, size, "%s/%s/%s", home, kind, options[0] ? "" : ".");
    snprintf(out + start, size - (size_t)start, "%s", name);
    for (char *at = out + start; !options[0] && *at; at++)
        if (*at == '/')
            *at = '.';
}

static const char *const names[] = { "a", "a/b", "a/b/c" };
static const char letters[] = "abc";

static void make_tree(void)
{
    struct conf conf;
    struct store *store = open_store(&conf);
    struct error err;
    for (int i = 0; i < 3; i++) {
        char path[400], file[500], text[2] = { letters[i], 0 };
        assert_true(store_create(store, bytes_of(names[i]), (struct bytes){ 0 }, &err));
        place(path, sizeof(path), "M", names[i]);
        snprintf(file, sizeof(file), "%s/cur/%c", path, letters[i]);
        write_file(file, text);
        place(path, sizeof(path), "c", names[i]);
        snprintf(file, sizeof(file), "%s/dovecot-uidlist", path);
        write_file(file, text);
    }
    store_close(&store);
    conf_free(&conf);
}

/* Which letters the mailboxes that are shown hold, each checked against its list of UIDs. */
static bool look(void *context, const struct store_entry *entry)
{
    char name[100], path[400], file[500];
    struct error err;
    snprintf(name, sizeof(name), "%.*s", BYTES_FMT(entry->name));
    for (int i = 0; i < 3 && !(entry->attributes & LIST_NOSELECT); i++) {
        struct buf uids = BUF_INIT(100);
        place(path, sizeof(path), "M", name);
        snprintf(file, sizeof(file), "%s/cur/%c", path, letters[i]);
        if (access(file, F_OK) != 0)
            continue;
        place(path, sizeof(path), "c", name);
        snprintf(file, sizeof(file), "%s/dovecot-uidlist", path);
        if (!file_read(AT_FDCWD, file, 100, &uids, &err))
            fail_msg("%s: %s", name, err.text);
        assert_int_equal(uids.data[0], letters[i]);
        buf_free(&uids);
        ((char *)context)[strlen(context)] = letters[i];
    }
    return true;
}

static int by_letter(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

static void look_around(char found[8])
{
    struct conf conf;
    struct store *store = open_store(&conf);
    struct bytes all = BYTES("*");
    const struct store_query query = { .patterns = &all, .patterns_count = 1 };
    struct error err;
    memset(found, 0, 8);
    assert_true(store_list(store, &query, look, found, &err));
    qsort(found, strlen(found), 1, by_letter);
    store_close(&store);
    conf_free(&conf);
}

static bool change(const char *from, const char *to)
{
    struct conf conf;
    struct store *store = open_store(&conf);
    struct error err = { 0 };
    bool good = to ? store_rename(store, bytes_of(from), bytes_of(to), &err)
                   : store_delete(store, bytes_of(from), &err);
    store_close(&store);
    conf_free(&conf);
    return good || err.class == ERROR_NO_SUCH || err.class == ERROR_EXISTS;
}

/* from becomes to, or is deleted; the process dies at its n-th step. True: it came to its end. */
static bool change_and_die(const char *from, const char *to, int n)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        steps_left = n;
        _exit(change(from, to) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 9))
        fail_msg("at step %d: status %x", n, (unsigned)status);
    return WEXITSTATUS(status) == 0;
}

static void every_step(const char *from, const char *to, const char *whole, const char * or)
{
    bool done = false;
    for (int n = 0; !done; n++) {
        char found[8];
        struct error err;
        strcpy(home, "/tmp/test_tree_kill.XXXXXX");
        assert_non_null(mkdtemp(home));
        make_tree();
        done = change_and_die(from, to, n);
        look_around(found);
        if (strcmp(found, whole) != 0 && strcmp(found, or) != 0)
            fail_msg("%s to %s, dead at step %d: \"%s\"", from, to ? to : "nothing", n, found);
        assert_true(change(from, to));
        look_around(found);
        assert_true(strcmp(found, whole) == 0 || strcmp(found, or) == 0);
        assert_true(file_remove_tree(AT_FDCWD, home, &err));
        assert_true(n < 200);
        if (done)
            assert_true(n > 3); /* it had steps to die at */
    }
}

static void run_all(void)
{
    every_step("a", "z/y", "abc", "abc");
    every_step("a/b", "q", "abc", "abc");
    every_step("a", NULL, "abc", "bc");
    every_step("a/b/c", NULL, "abc", "ab");
}

static void in_maildirpp(void **state)
{
    (void)state;
    options = "";
    run_all();
}

static void in_directories(void **state)
{
    (void)state;
    options = ":LAYOUT=fs";
    run_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_maildirpp),
        cmocka_unit_test(in_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
