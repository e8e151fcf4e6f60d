/* mailadm user NAME: which rule found the user, what he is, where his mail is and why, and his
 * mailboxes. Makes nothing. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "auth/account.h"
#include "mailadm/mailadm.h"
#include "mailbox/store.h"

#define MEMORY ((size_t)1 << 20)

static int failed(const struct error *err)
{
    fflush(stdout);
    fprintf(stderr, "mailadm: %s\n", err->text);
    return 1;
}

static void show_account(const struct account *account)
{
    const struct passwd *pw = getpwuid(account->uid);
    printf("user %s\n    found by %s\n", account->name, account->driver);
    printf("    uid %u (%s)", (unsigned)account->uid, pw ? pw->pw_name : "no name");
    const struct group *gr = getgrgid(account->gid);
    printf(", gid %u (%s)%s\n", (unsigned)account->gid, gr ? gr->gr_name : "no name",
           account->uid_is_default ? ", as nothing else is said of him" : "");
    printf("    home %s\n", account->home[0] ? account->home : "none");
    if (account->nologin)
        puts("    may receive mail, but not log in (nologin)");
    if (account->allow_nets)
        printf("    logs in only from %s\n", account->allow_nets);
    for (size_t i = 0; i < account->settings_count; i++)
        printf("    his own setting: %s = %s\n", account->settings[i].name,
               account->settings[i].value);
}

static bool show_mailbox(void *context, const struct store_entry *entry)
{
    size_t *count = context;
    ++*count;
    printf("    %.*s%s%s%.*s\n", BYTES_FMT(entry->name),
           entry->attributes & LIST_NOSELECT ? "  (no mailbox itself)" : "",
           entry->special_use.len ? "  " : "", BYTES_FMT(entry->special_use));
    return true;
}

/* As the user: what he may not see is not shown. */
static int show_mail(struct conf *conf, const struct account *account)
{
    struct error err = { 0 };
    struct buf why = BUF_INIT(65536);
    struct bytes all = BYTES("*");
    const struct store_query query = { .patterns = &all, .patterns_count = 1 };
    const struct store_user user = { account->name, account->home, "mailadm", conf };
    size_t count = 0;
    if (!account_become(account, &err) || !account_apply(account, conf, &err))
        return failed(&err);
    struct store *store = store_look(&user, &err);
    if (!store)
        return failed(&err);
    store_explain(store, &why);
    printf("%smailboxes\n", buf_cstr(&why));
    bool good = store_list(store, &query, show_mailbox, &count, &err);
    if (good && count == 0)
        puts("    none yet: INBOX is made with the first mail or login");
    store_close(&store);
    buf_free(&why);
    return good ? 0 : failed(&err);
}

/* In a process of its own, since becoming the user is for good. */
static int as_user(struct conf *conf, const struct account *account)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        status = show_mail(conf, account);
        fflush(stdout);
        _exit(status);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int command_user(struct conf *conf, int argc, char **argv)
{
    char name[ACCOUNT_NAME_MAX + 1];
    struct account account;
    struct error err = { 0 };
    if (argc != 2)
        return usage("user", "name one user");
    struct arena *arena = arena_create(MEMORY);
    bool good = arena ? account_normalise(conf, bytes_of(argv[1]), name, &err) &&
                            account_lookup(conf, name, &account, arena, &err)
                      : error_memory(&err);
    int status = 1;
    if (!good) {
        fprintf(stderr, "mailadm: %s\n", err.text);
        if (err.class == ERROR_NO_SUCH) {
            fputs("    looked for by:", stderr);
            for (size_t i = 0; conf->auth[i]; i++)
                fprintf(stderr, " %s", conf->auth[i]);
            fprintf(stderr, "  (setting auth, %s)\n", conf_source(conf, "auth"));
        }
    } else {
        show_account(&account);
        status = as_user(conf, &account);
    }
    arena_destroy(&arena);
    return status;
}
