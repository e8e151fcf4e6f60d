/* Input streams: a buffer over a source of octets. Sources chain: a file, decompressed, with its line
 * ends made CRLF, cut to a range. Memory is the buffer, whatever the size of what flows. */
#ifndef BASE_INPUT_H
#define BASE_INPUT_H

#include <sys/types.h>
#include "base/bytes.h"
#include "base/error.h"

struct input;

struct input_ops {
    /* Up to size octets into data: their number, 0 at the end, -1 with *err. */
    ssize_t (*read)(struct input *input, void *data, size_t size, struct error *err);
    /* Skips forward up to n octets without reading them; how many were. NULL: by reading. */
    off_t (*skip)(struct input *input, off_t n, struct error *err);
    void (*close)(struct input *input); /* frees what the source owns, its parent too; not input */
};

struct input {
    const struct input_ops *ops;
    char *buffer;         /* buffered octets are [at, filled) */
    size_t at, filled, capacity;
    size_t touched;       /* octets of the buffer that were ever used; behind them nothing needs wiping */
    uint64_t offset;      /* octets consumed so far */
    bool ended;           /* the source said end */
    bool borrowed;        /* the buffer is somebody else's, and is not written to */
};

/* Reads from fd, which the stream owns when own. timeout: milliseconds that one read may wait (poll), -1
 * for ever; a timeout is ERROR_UNAVAILABLE. NULL when there is no memory. */
struct input *input_fd(int fd, size_t buffer_size, int timeout_ms, bool own);
void input_timeout(struct input *input, int timeout_ms); /* only on input_fd */
int input_descriptor(const struct input *input);         /* to wait on; -1 when it is not an input_fd */
/* Over memory that outlives the stream; nothing is copied. */
struct input *input_memory(struct bytes data);
/* These own their parent and close it, even where they fail (NULL); a NULL parent gives NULL: so they
 * can be nested. */
struct input *input_limit(struct input *parent, uint64_t octets); /* then the end */
struct input *input_crlf(struct input *parent); /* every LF without CR becomes CRLF; bare CR stays */
struct input *input_lf(struct input *parent);   /* every CRLF becomes LF; bare CR stays */
/* The next octets of a parent that stays the caller's: a literal, a BDAT chunk. An early end of the
 * parent is ERROR_UNAVAILABLE. Never reads more than that from it. */
struct input *input_part(struct input *parent, uint64_t octets);
/* Dot-stuffed text of RFC 5321, 4.5.2 as received (CRLF lines); ends behind "CRLF.CRLF"; does NOT own or over-read its parent. */
struct input *input_dot(struct input *parent);
/* Looks at the first octets: gzip, bzip2, zstd or lz4 frame are decompressed, the rest passes through. */
struct input *input_decompress(struct input *parent, struct error *err);
/* Is this the start (19 octets are enough) of what input_decompress would decompress? Such a message
 * must not be saved as it is: it would read back as something else. */
bool input_is_compressed(struct bytes head);
/* For new kinds of source: size octets (struct input first, the rest zero) and a buffer. NULL when there is
 * no memory. */
struct input *input_create(const struct input_ops *ops, size_t size, size_t buffer_size);
void input_close(struct input **input); /* NULL inside is fine */

/* Some octets (what is buffered, else one read): number, 0 at the end, -1 with *err. */
ssize_t input_read(struct input *input, void *data, size_t size, struct error *err);
/* Exactly size octets; at an early end false with ERROR_CORRUPT. */
bool input_read_all(struct input *input, void *data, size_t size, struct error *err);
/* What is buffered, reading once when nothing is. 1; 0 at the end; -1 with *err. View until the next call. */
int input_next(struct input *input, struct bytes *view, struct error *err);
/* A line with its LF (and CR). 1; 0 at the end with nothing left; -1 with *err: ERROR_TOO_BIG when no LF
 * comes within max octets (nothing consumed) or the buffer. A last line without LF is returned as it is. The view lives until the next call; the line is
 * consumed. max is at most the buffer's capacity. */
int input_line(struct input *input, size_t max, struct bytes *line, struct error *err);
/* Reads until at least n octets are buffered (n at most the capacity): true when they are. */
bool input_fill(struct input *input, size_t n, struct error *err);
static inline struct bytes input_buffered(const struct input *input)
{
    return (struct bytes){ input->buffer + input->at, input->filled - input->at };
}
void input_consume(struct input *input, size_t n); /* n at most what is buffered */
/* Wipes what was consumed and still lies in the buffer: passwords. Only on a buffer of its own. */
void input_forget(struct input *input);
/* Before a long wait: gives the buffer's pages back where nothing is buffered. Only on a buffer of its own. */
void input_rest(struct input *input);
bool input_skip(struct input *input, uint64_t n, struct error *err);
/* Puts octets in front of what is buffered (bytes handed over by the login process), growing the buffer where
 * it must. ERROR_INVALID on input_memory. */
bool input_prepend(struct input *input, struct bytes data, struct error *err);

#endif
