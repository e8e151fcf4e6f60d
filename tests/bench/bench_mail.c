/* bench_mail DIR COUNT [small]: makes the Maildir DIR with COUNT messages, the same at every run.
 *
 * The mix is a real mailbox's: plain text in several charsets and transfer encodings, HTML
 * alternatives, attachments (about 6 kB on average, log-like sizes), encoded words, some raw 8-bit
 * header fields, threads with References, nine in ten seen, a few answered, flagged or with
 * keywords. "small": the same heads without their trace fields, and short texts (under one block of
 * 4 kB each), for mailboxes of which only the number counts. Message n depends on n alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"

enum {
    EPOCH = 1700000000,
    TEXT_MAX = 1 << 20,
    THREAD_REACH = 40, /* an answer comes within so many messages */
    ANCESTORS = 8,     /* as many as References names */
};

static const char *const words[] = {
    "mail",         "server",   "index",   "message", "flag",        "thread",      "holiday",
    "invoice",      "meeting",  "project", "release", "garden",      "concert",     "train",
    "ticket",       "question", "answer",  "picture", "report",      "budget",      "weather",
    "family",       "dinner",   "music",   "library", "kernel",      "patch",       "review",
    "of",           "the",      "and",     "for",     "caf\303\251", "gr\303\274n", "stra\303\237e",
    "na\303\257ve",
};
enum { WORDS = sizeof(words) / sizeof(*words), ASCII_WORDS = WORDS - 4 };
static const char *const first_names[] = { "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald" };
static const char *const last_names[] = { "Hopper",   "Lovelace", "Turing",
                                          "Dijkstra", "Liskov",   "Knuth" };

/* ---- numbers: splitmix64, begun anew for each message */

struct dice {
    uint64_t state;
};

static uint64_t dice_next(struct dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static struct dice dice_for(uint64_t n, uint64_t purpose)
{
    struct dice d = { n * 0x2545f4914f6cdd1du + purpose };
    dice_next(&d);
    return d;
}

/* 0 to n - 1 */
static unsigned dice_below(struct dice *d, unsigned n)
{
    return (unsigned)(dice_next(d) % n);
}

/* A size with a long tail: half of them under middle, one in a hundred over ten times that. */
static size_t dice_size(struct dice *d, unsigned middle)
{
    size_t size = middle / 2 + dice_below(d, middle);
    while (size < (size_t)middle * 64 && dice_below(d, 3) == 0)
        size += size;
    return size;
}

/* ---- pieces of text */

enum charset { ASCII, UTF8, LATIN1 };

/* The words beyond ASCII have one two-octet UTF-8 character each, which ISO-8859-1 has, too. */
static void put_word(struct buf *out, const char *word, enum charset charset)
{
    for (; *word; word++) {
        unsigned char c = (unsigned char)*word;
        if (charset == LATIN1 && c >= 0xc0) {
            unsigned char next = (unsigned char)*++word;
            buf_byte(out, (char)((c & 3) << 6 | (next & 0x3f)));
        } else {
            buf_byte(out, (char)c);
        }
    }
}

static void put_words(struct buf *out, struct dice *d, unsigned count, enum charset charset)
{
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            buf_byte(out, ' ');
        put_word(out, words[dice_below(d, charset == ASCII ? ASCII_WORDS : WORDS)], charset);
    }
}

static void put_text(struct buf *out, struct dice *d, size_t octets, enum charset charset,
                     const char *end)
{
    size_t start = out->len;
    do {
        put_words(out, d, 4 + dice_below(d, 8), charset);
        buf_string(out, end);
    } while (out->len - start < octets);
}

/* Lines of base64 of random octets: what an attachment looks like. */
static void put_base64(struct buf *out, struct dice *d, size_t octets)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t line = 0; line * 76 < octets; line++) {
        for (int i = 0; i < 76; i += 4) {
            uint64_t bits = dice_next(d);
            for (int k = 0; k < 4; k++, bits >>= 6)
                buf_byte(out, alphabet[bits & 63]);
        }
        buf_byte(out, '\n');
    }
}

static void put_quoted_printable(struct buf *out, const struct buf *text)
{
    size_t column = 0;
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];
        if (c == '\n') {
            column = 0;
        } else if (column > 70) {
            buf_string(out, "=\n");
            column = 0;
        }
        bool plain = c == '\n' || (c >= 32 && c < 127 && c != '=');
        plain ? buf_byte(out, (char)c) : buf_printf(out, "=%02X", c);
        column += c == '\n' ? 0 : plain ? 1 : 3;
    }
}

/* ---- threads */

/* The message that n answers; n itself when it begins a thread. */
static unsigned parent_of(unsigned n)
{
    struct dice d = dice_for(n, 1);
    if (n <= THREAD_REACH || dice_below(&d, 100) >= 55)
        return n;
    return n - 1 - dice_below(&d, THREAD_REACH);
}

static unsigned root_of(unsigned n)
{
    unsigned parent;
    while ((parent = parent_of(n)) != n)
        n = parent;
    return n;
}

static void put_subject(struct buf *out, unsigned n)
{
    unsigned root = root_of(n);
    struct dice d = dice_for(root, 2);
    unsigned form = dice_below(&d, 20), count = 2 + dice_below(&d, 5);
    buf_string(out, "Subject: ");
    if (root != n)
        buf_string(out, dice_below(&d, 10) == 0 ? "RE: " : "Re: ");
    if (form == 0) {
        buf_string(out, "=?UTF-8?Q?gr=C3=BCne_Stra=C3=9Fe?= ");
    } else if (form == 1) {
        buf_string(out, "=?ISO-8859-1?B?Y2Fm6SBuYe92ZQ==?= ");
    }
    put_words(out, &d, count, form == 2 ? UTF8 : ASCII); /* raw 8-bit, as some send it */
    buf_byte(out, '\n');
}

static void put_references(struct buf *out, unsigned n)
{
    unsigned chain[ANCESTORS], count = 0, at = n, parent;
    while (count < ANCESTORS && (parent = parent_of(at)) != at)
        chain[count++] = at = parent;
    if (count == 0)
        return;
    buf_printf(out, "In-Reply-To: <%u.bench@example.org>\nReferences:", chain[0]);
    while (count > 0)
        buf_printf(out, " <%u.bench@example.org>%s", chain[count - 1], count > 1 ? "\n" : ""),
            count--;
    buf_byte(out, '\n');
}

/* ---- the header */

static void put_person(struct buf *out, struct dice *d)
{
    const char *given = first_names[dice_below(d, 6)], *family = last_names[dice_below(d, 6)];
    if (dice_below(d, 12) == 0)
        buf_printf(out, "=?UTF-8?Q?%s_M=C3=BCller?= <%s.mueller@example.net>", given, given);
    else
        buf_printf(out, "\"%s %s\" <%s.%s@example.org>", given, family, given, family);
}

static void put_trace(struct buf *out, struct dice *d, unsigned n)
{
    buf_string(out, "Return-Path: <bounce@example.org>\nDelivered-To: user@example.org\n");
    for (unsigned hop = 0, hops = 2 + dice_below(d, 4); hop < hops; hop++)
        buf_printf(out,
                   "Received: from relay%u.example.net (relay%u.example.net [192.0.2.%u])\n"
                   "\tby mx%u.example.org (Postfix) with ESMTPS id %08X\n"
                   "\tfor <user@example.org>; Mon, %u Nov 2026 10:%02u:%02u +0100 (CET)\n",
                   hop, hop, 1 + dice_below(d, 250), hop, dice_below(d, UINT32_MAX), 1 + n % 28,
                   n % 60, hop);
    buf_string(
        out, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;\n\tb=");
    for (int i = 0; i < 12; i++)
        buf_printf(out, "%016llx%s", (unsigned long long)dice_next(d),
                   i % 4 == 3 && i < 11 ? "\n\t " : "");
    buf_byte(out, '\n');
    if (dice_below(d, 3) == 0)
        buf_string(out, "List-Id: <bench.lists.example.org>\nPrecedence: list\n");
}

static void put_header(struct buf *out, struct dice *d, unsigned n)
{
    buf_string(out, "From: ");
    put_person(out, d);
    buf_string(out, "\nTo: ");
    put_person(out, d);
    for (unsigned more = dice_below(d, 4); more > 0; more--) {
        buf_string(out, ",\n ");
        put_person(out, d);
    }
    if (dice_below(d, 4) == 0) {
        buf_string(out, "\nCc: ");
        put_person(out, d);
    }
    buf_byte(out, '\n');
    put_subject(out, n);
    time_t date = EPOCH + (time_t)n;
    struct tm tm;
    char text[64];
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&date, &tm));
    buf_printf(out, "Date: %s\nMessage-ID: <%u.bench@example.org>\n", text, n);
    put_references(out, n);
    buf_string(out, "MIME-Version: 1.0\n");
}

/* ---- bodies: each writes its Content fields, the empty line and the text */

static void plain_ascii(struct buf *out, struct dice *d, unsigned middle)
{
    buf_string(out, "Content-Type: text/plain; charset=us-ascii\n\n");
    put_text(out, d, dice_size(d, middle), ASCII, "\n");
}

static void plain_utf8(struct buf *out, struct dice *d, unsigned middle)
{
    buf_string(out, "Content-Type: text/plain; charset=utf-8; "
                    "format=flowed\nContent-Transfer-Encoding: 8bit\n\n");
    put_text(out, d, dice_size(d, middle), UTF8, " \n");
}

static void plain_latin1(struct buf *out, struct dice *d, unsigned middle)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    bool quoted = dice_below(d, 2) == 0;
    put_text(&text, d, dice_size(d, middle), LATIN1, "\n");
    buf_printf(
        out, "Content-Type: text/plain; charset=\"iso-8859-1\"\nContent-Transfer-Encoding: %s\n\n",
        quoted ? "quoted-printable" : "8bit");
    quoted ? put_quoted_printable(out, &text) : buf_bytes(out, buf_view(&text));
    buf_free(&text);
}

static void put_alternative(struct buf *out, struct dice *d, unsigned middle, const char *name)
{
    struct buf text = BUF_INIT(TEXT_MAX);
    put_text(&text, d, dice_size(d, middle) / 2, UTF8, "\n");
    buf_printf(
        out,
        "Content-Type: multipart/alternative; boundary=\"%s\"\n\n--%s\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n",
        name, name);
    put_quoted_printable(out, &text);
    buf_printf(out,
               "\n--%s\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: "
               "8bit\n\n<html><body><p>",
               name);
    put_text(out, d, text.len, UTF8, "<br>\n");
    buf_printf(out, "</p></body></html>\n--%s--\n", name);
    buf_free(&text);
}

static void alternative(struct buf *out, struct dice *d, unsigned middle)
{
    put_alternative(out, d, middle, "=_alternative");
}

static void mixed(struct buf *out, struct dice *d, unsigned middle)
{
    buf_string(out,
               "Content-Type: multipart/mixed; boundary=\"=_mixed\"\n\nThis is MIME.\n--=_mixed\n");
    if (dice_below(d, 2) == 0)
        put_alternative(out, d, middle, "=_inner");
    else
        plain_utf8(out, d, middle / 2);
    for (unsigned k = 1 + dice_below(d, 2); k > 0; k--) {
        bool picture = dice_below(d, 2) == 0;
        buf_printf(
            out,
            "\n--=_mixed\nContent-Type: %s; name=\"file%u.%s\"\nContent-Transfer-Encoding: base64\n"
            "Content-Disposition: attachment; filename=\"file%u.%s\"\n\n",
            picture ? "image/jpeg" : "application/pdf", k, picture ? "jpg" : "pdf", k,
            picture ? "jpg" : "pdf");
        put_base64(out, d, dice_size(d, 6 * middle));
    }
    buf_string(out, "--=_mixed--\n");
}

static void forwarded(struct buf *out, struct dice *d, unsigned middle)
{
    buf_string(out, "Content-Type: multipart/mixed; boundary=\"=_forward\"\n\n--=_forward\n");
    plain_ascii(out, d, middle / 4);
    buf_string(out, "\n--=_forward\nContent-Type: message/rfc822\nContent-Disposition: inline\n\n");
    put_header(out, d, dice_below(d, THREAD_REACH));
    plain_utf8(out, d, middle / 2);
    buf_string(out, "\n--=_forward--\n");
}

static const struct {
    unsigned percent;
    void (*put)(struct buf *out, struct dice *d, unsigned middle);
} bodies[] = {
    { 20, plain_ascii }, { 20, plain_utf8 }, { 10, plain_latin1 },
    { 33, alternative }, { 12, mixed },      { 5, forwarded },
};

static void put_message(struct buf *out, unsigned n, bool small)
{
    struct dice d = dice_for(n, 3);
    unsigned kind = dice_below(&d, 100), i = 0;
    if (!small)
        put_trace(out, &d, n);
    put_header(out, &d, n);
    if (small) {
        buf_string(out,
                   "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n");
        put_text(out, &d, 200, UTF8, "\n");
        return;
    }
    for (; kind >= bodies[i].percent; i++)
        kind -= bodies[i].percent;
    bodies[i].put(out, &d, 1000);
}

/* ---- files */

static const char *flags_of(unsigned n)
{
    static const char *const some[] = { "", "", "RS", "FS", "FRS", "Sa", "Sab", "DS" };
    struct dice d = dice_for(n, 4);
    unsigned at = dice_below(&d, 100);
    return at < 10 ? "" : at < 16 ? some[at - 8] : "S";
}

static size_t newlines(struct buf *b)
{
    size_t count = 0;
    for (size_t i = 0; i < b->len; i++)
        count += b->data[i] == '\n';
    return count;
}

static bool make_file(int cur, struct buf *message, unsigned n)
{
    char name[128];
    struct timespec date[2] = { { EPOCH + n, 0 }, { EPOCH + n, 0 } };
    snprintf(name, sizeof(name), "%u.M%uP1.bench,S=%zu,W=%zu:2,%s", EPOCH + n, n % 1000000,
             message->len, message->len + newlines(message), flags_of(n));
    int fd = openat(cur, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, message->data, message->len) == (ssize_t)message->len &&
                futimens(fd, date) == 0;
    if (!good)
        fprintf(stderr, "bench_mail: %s: %s\n", name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

static bool make_directories(const char *dir)
{
    if ((mkdir(dir, 0700) < 0 && errno != EEXIST) || chdir(dir) < 0)
        return false;
    static const char *const names[] = { "cur", "new", "tmp" };
    for (size_t i = 0; i < 3; i++)
        if (mkdir(names[i], 0700) < 0 && errno != EEXIST)
            return false;
    FILE *keywords = fopen("dovecot-keywords", "w");
    if (!keywords)
        return false;
    fputs("0 work\n1 $Forwarded\n", keywords);
    return fclose(keywords) == 0;
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: bench_mail DIR COUNT [small]\n");
        return 2;
    }
    if (!make_directories(argv[1])) {
        fprintf(stderr, "bench_mail: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    int cur = open("cur", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct buf message = BUF_INIT(TEXT_MAX * 16);
    unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
    bool good = cur >= 0;
    for (unsigned n = 0; good && n < count; n++) {
        buf_clear(&message);
        put_message(&message, n, argc == 4);
        good = !buf_failed(&message) && make_file(cur, &message, n);
    }
    buf_free(&message);
    return good ? 0 : 1;
}
