/* Threads of any references: octets choose IDs, dates and subjects of up to 400 messages. Each
 * message stands in the threads once, parentheses are even, and a list holds something. */
#include <stdlib.h>
#include "../unit/fake_mailbox.h"
#include "query/sort.h"
#include "query/thread.h"

enum { MESSAGES = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned take(struct bytes *source)
{
    unsigned octet = source->len ? (unsigned char)source->data[0] : 0;
    *source = bytes_skip(*source, 1);
    return octet;
}

static char *write_mail(struct bytes *source)
{
    struct buf out = BUF_INIT(10000);
    unsigned what = take(source);
    if (what & 1)
        buf_printf(&out, "Message-ID: <%u@x>\n", take(source));
    if (what & 2)
        buf_printf(&out, "Date: %u Jan 2001 00:00:00 +0000\n", 1 + take(source) % 28);
    if (what & 4)
        buf_printf(&out, "Subject: %s%c\n", what & 8 ? "Re: " : "", 'a' + take(source) % 26);
    buf_string(&out, what & 16 ? "In-Reply-To:" : "References:");
    for (unsigned i = what >> 5; i; i--)
        buf_printf(&out, " <%u@x>", take(source));
    buf_string(&out, "\n\n");
    char *octets = strdup(buf_cstr(&out));
    buf_free(&out);
    return octets;
}

static void check_threads(const struct numset *found, enum thread_kind kind)
{
    struct threads threads;
    struct thread_walk walk = { 0 };
    enum thread_token token, last = THREAD_NUMBER;
    uint32_t seq = 0, seen = 0, depth = 0;
    bool met[MESSAGES + 1] = { 0 };
    if (!thread_run(NULL, found, kind, &threads, NULL, NULL, NULL))
        abort();
    for (; (token = thread_next(&threads, &walk, &seq)) != THREAD_END; last = token) {
        depth += token == THREAD_OPEN;
        if (!depth || (token == THREAD_CLOSE && last == THREAD_OPEN))
            abort();
        depth -= token == THREAD_CLOSE;
        if (token != THREAD_NUMBER)
            continue;
        if (!seq || seq > fake.count || met[seq])
            abort();
        met[seq] = true;
        seen++;
    }
    if (depth || seen != fake.count)
        abort();
    threads_free(&threads);
}

static void check_sort(const struct numset *found)
{
    static const struct sort_criterion by[] = { { SORT_SUBJECT, true }, { SORT_DATE, false } };
    uint32_t *seqs = NULL;
    size_t count = 0;
    if (!sort_run(NULL, found, by, 2, &seqs, &count, NULL, NULL, NULL) || count != fake.count)
        abort();
    free(seqs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fake_message messages[MESSAGES];
    struct bytes source = bytes_make(data, size);
    struct numset found = { 0 };
    fake.messages = messages;
    for (fake.count = 0; source.len && fake.count < MESSAGES; fake.count++) {
        char *octets = write_mail(&source);
        messages[fake.count] = (struct fake_message){ .octets = octets, .date = take(&source) };
    }
    uint32_t count = fake.count;
    if (count && numset_add(&found, 1, count)) {
        check_threads(&found, THREAD_REFERENCES);
        check_threads(&found, THREAD_ORDEREDSUBJECT);
        check_sort(&found);
    }
    for (uint32_t i = 0; i < count; i++)
        free((char *)(uintptr_t)messages[i].octets);
    numset_free(&found);
    fake_free();
    return 0;
}
