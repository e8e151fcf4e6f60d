/* mailadm index build|verify|show|drop [--deep] USER [MAILBOX ...]: the indexes of a user's
 * mailboxes, as himself, in a process of its own, since becoming him is for good. The exit status
 * is 0 when all is well, 1 when an index differs from the mail, 2 when something could not be done.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include "auth/account.h"
#include "base/log.h"
#include "index/index.h"
#include "mailadm/mailadm.h"
#include "mailbox/maildir_verify.h"

#define MEMORY ((size_t)1 << 20)

enum { SAME, DIFFERENT, FAILED };
enum { BAR = 30, BAR_MS = 100 };

struct work {
    struct conf *conf;
    struct account account;
    struct arena *arena;
    struct store *store;
    const struct action *action;
    bool deep;
    char **names;      /* NULL at the end; none: all */
    struct bytes name; /* of the mailbox that is worked on */
    const struct location *location;
    struct bytes inner; /* its name in there */
    struct maildir_paths paths;
    int64_t drawn; /* when the bar was */
    int status;
};

struct action {
    const char *name;
    bool (*run)(struct work *work, struct error *err);
};

/* ---- the bar, on a terminal */

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void bar_clear(struct work *work)
{
    if (work->drawn)
        fputs("\r\033[K", stderr);
    work->drawn = 0;
}

static void bar(struct work *work, uint64_t done, uint64_t all)
{
    int64_t now = clock_ms();
    if (!isatty(STDERR_FILENO) || !all || now - work->drawn < BAR_MS)
        return;
    int full = (int)(done * BAR / all);
    fprintf(stderr, "\r%.*s [%.*s%*s] %3u%%  %" PRIu64 " of %" PRIu64 "\033[K",
            BYTES_FMT(work->name), full, "##############################", BAR - full, "",
            (unsigned)(done * 100 / all), done, all);
    work->drawn = now;
}

static void say_progress(void *context, uint64_t done, uint64_t all)
{
    bar(context, done, all);
}

/* ---- what is done with one mailbox */

static bool build(struct work *work, struct error *err)
{
    enum {
        ALL = FIELD_ENVELOPE | FIELD_BODY | FIELD_BODYSTRUCTURE | FIELD_PARTS | FIELD_SORT |
              FIELD_SIZE | FIELD_DATE | FIELD_HEADER
    };
    struct message_fields fields;
    uint32_t failed = 0, count;
    struct mailbox *mailbox = mailbox_open(work->store, work->name, false, err);
    if (!mailbox)
        return false;
    count = mailbox_count(mailbox);
    for (uint32_t seq = 1; seq <= count; seq++) {
        struct error failure = { 0 };
        bool good = mailbox_fields(mailbox, seq, ALL, &fields, &failure);
        if (!good && failure.class != ERROR_NO_SUCH && failure.class != ERROR_TOO_BIG) {
            bar_clear(work);
            printf("%.*s: %s\n", BYTES_FMT(work->name), failure.text);
            failed++;
        }
        bar(work, seq, count);
    }
    mailbox_close(&mailbox);
    bar_clear(work);
    printf("%.*s: %u messages\n", BYTES_FMT(work->name), count);
    return !failed || error_set(err, ERROR_CORRUPT, "%u messages cannot be read", failed);
}

static void say_difference(void *context, const char *sentence)
{
    struct work *work = context;
    bar_clear(work);
    printf("%.*s: %s.\n", BYTES_FMT(work->name), sentence);
}

static bool verify(struct work *work, struct error *err)
{
    struct verify verify = {
        .deep = work->deep, .difference = say_difference, .progress = say_progress, .context = work
    };
    bool ok = maildir_verify(work->location, work->inner, &verify, err);
    bar_clear(work);
    if (ok)
        printf("%.*s: %" PRIu64 " messages, %" PRIu64 " differences\n", BYTES_FMT(work->name),
               verify.messages, verify.differences);
    if (ok && verify.differences && work->status < DIFFERENT)
        work->status = DIFFERENT;
    return ok;
}

static unsigned percent(uint64_t part, uint64_t whole)
{
    return whole ? (unsigned)(part * 100 / whole) : 0;
}

static void show_files(const struct work *work)
{
    char path[4200];
    struct stat st;
    for (int i = 0; i < INDEX_FILES; i++) {
        snprintf(path, sizeof(path), "%s/%s", work->paths.index, index_files[i]);
        if (stat(path, &st) == 0)
            printf("    %s  %jd octets, %jd on the disk\n", index_files[i], (intmax_t)st.st_size,
                   (intmax_t)st.st_blocks * 512);
        else
            printf("    %s  %s\n", index_files[i], strerror(errno));
    }
}

static bool show(struct work *work, struct error *err)
{
    struct index_header header;
    if (!work->paths.index || !index_peek(work->paths.index, &header))
        return error_set(err, ERROR_NO_SUCH, "there is no index that can be read");
    uint64_t waste =
        header.cache_end > header.cache_live ? header.cache_end - header.cache_live : 0;
    printf("%.*s: index in %s\n", BYTES_FMT(work->name), work->paths.index);
    printf("    UIDVALIDITY %u, UIDNEXT %u, highest mod-sequence %" PRIu64 "\n", header.uidvalidity,
           header.uidnext, header.modseq);
    printf("    %u messages, %u unseen, %u deleted; \\Recent from UID %u on\n",
           header.count - header.dead, header.unseen, header.deleted, header.recent_from);
    printf("    %u of %u slots in use, %u of them dead (%u%%)\n", header.count, header.capacity,
           header.dead, percent(header.dead, header.count));
    printf("    log %016" PRIx64 " up to %" PRIu64 ", cache %016" PRIx64 " up to %" PRIu64 "\n",
           header.log, header.log_end, header.cache, header.cache_end);
    printf("    %" PRIu64 " octets of the cache are in use, %" PRIu64 " wasted (%u%%)\n",
           header.cache_live, waste, percent(waste, header.cache_end));
    if (header.boot != index_boot())
        puts("    compared with the mail before the machine was started: that is done again when "
             "it is opened");
    show_files(work);
    return true;
}

static bool drop(struct work *work, struct error *err)
{
    if (work->paths.index && !index_drop(work->paths.index, err))
        return false;
    printf("%.*s: dropped\n", BYTES_FMT(work->name));
    return true;
}

static const struct action actions[] = {
    { "build", build }, { "verify", verify }, { "show", show }, { "drop", drop }
};

/* ---- all of them */

static bool find(struct work *work, struct arena *arena, struct error *err)
{
    return store_locate(work->store, work->name, arena, &work->location, &work->inner, err) &&
           maildir_layout(work->location, work->inner, arena, &work->paths, err);
}

static void one(struct work *work, struct bytes name)
{
    struct error err = { 0 };
    struct arena *arena = arena_create(MEMORY);
    bool exists = false;
    work->name = name;
    bool good = arena ? store_exists(work->store, name, &exists, &err) : error_memory(&err);
    if (good && !exists)
        good = error_set(&err, ERROR_NO_SUCH, "there is no such mailbox");
    if (!good || !find(work, arena, &err) || !work->action->run(work, &err)) {
        bar_clear(work);
        fflush(stdout);
        fprintf(stderr, "mailadm: %.*s: %s\n", BYTES_FMT(name), err.text);
        work->status = FAILED;
    }
    arena_destroy(&arena);
}

static bool one_listed(void *context, const struct store_entry *entry)
{
    if (!(entry->attributes & LIST_NOSELECT))
        one(context, entry->name);
    return true;
}

static int failed(const struct error *err)
{
    fflush(stdout);
    fprintf(stderr, "mailadm: %s\n", err->text);
    return FAILED;
}

static int as_user(struct work *work)
{
    struct error err = { 0 };
    struct bytes all = BYTES("*");
    const struct store_query query = { .patterns = &all, .patterns_count = 1 };
    const struct store_user user = { work->account.name, work->account.home, "mailadm",
                                     work->conf };
    if (!account_become(&work->account, &err) || !account_apply(&work->account, work->conf, &err))
        return failed(&err);
    log_field("MAIL_USER", work->account.name);
    work->store = store_look(&user, &err);
    if (!work->store)
        return failed(&err);
    for (char **name = work->names; *name; name++)
        one(work, bytes_of(*name));
    if (!*work->names && !store_list(work->store, &query, one_listed, work, &err))
        work->status = failed(&err);
    store_close(&work->store);
    return work->status;
}

static int in_process(struct work *work)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        status = as_user(work);
        if (fflush(stdout) != 0)
            status = FAILED;
        _exit(status);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return FAILED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}

/* EX_OK, or what is wrong was said. */
static int read_arguments(struct work *work, int argc, char **argv, const char **user)
{
    static const struct option options[] = { { "deep", no_argument, NULL, 'd' }, { 0 } };
    for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(*actions); i++)
        if (strcmp(argv[1], actions[i].name) == 0)
            work->action = &actions[i];
    if (!work->action)
        return usage("index", "say build, verify, show or drop");
    optind = 2;
    for (int option; (option = getopt_long(argc, argv, "+d", options, NULL)) != -1;)
        if (option != 'd')
            return EX_USAGE;
        else
            work->deep = true;
    if (work->deep && work->action->run != verify)
        return usage("index", "--deep is for verify");
    if (optind >= argc)
        return usage("index", "name a user");
    *user = argv[optind];
    work->names = argv + optind + 1;
    return EX_OK;
}

int command_index(struct conf *conf, int argc, char **argv)
{
    char normal[ACCOUNT_NAME_MAX + 1];
    struct work work = { .conf = conf };
    struct error err = { 0 };
    const char *name = NULL;
    int status = read_arguments(&work, argc, argv, &name);
    if (status != EX_OK)
        return status;
    work.arena = arena_create(MEMORY);
    bool good = work.arena ? account_normalise(conf, bytes_of(name), normal, &err) &&
                                 account_lookup(conf, normal, &work.account, work.arena, &err)
                           : error_memory(&err);
    status = good ? in_process(&work) : failed(&err);
    arena_destroy(&work.arena);
    return status;
}
