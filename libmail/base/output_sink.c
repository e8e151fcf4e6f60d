/* Where octets go at last: a file descriptor, or a buf. */
#include "base/output.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/wait.h"

struct output_fd {
    struct output output;
    int fd, timeout_ms;
    bool own, is_socket, is_regular;
};

static ssize_t write_once(struct output_fd *out, const char *data, size_t len)
{
    if (out->is_socket)
        return send(out->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (out->is_regular || out->timeout_ms < 0)
        return write(out->fd, data, len);
    if (!wait_ready(out->fd, POLLOUT, 0)) {
        errno = EAGAIN;
        return -1;
    }
    /* So much a pipe that is ready takes without blocking. */
    return write(out->fd, data, len < PIPE_BUF ? len : PIPE_BUF);
}

static bool fd_write(struct output *output, const char *data, size_t len, struct error *err)
{
    struct output_fd *out = (struct output_fd *)output;
    while (len > 0) {
        ssize_t n = write_once(out, data, len);
        if (n >= 0) {
            data += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!wait_ready(out->fd, POLLOUT, out->timeout_ms))
                return error_set(err, ERROR_UNAVAILABLE, "nothing could be sent for %d seconds",
                                 out->timeout_ms / 1000);
        } else if (errno != EINTR) {
            return error_errno(err, errno, "writing");
        }
    }
    return true;
}

static void fd_close(struct output *output)
{
    struct output_fd *out = (struct output_fd *)output;
    if (out->own)
        close(out->fd);
}

static const struct output_ops fd_ops = { .write = fd_write, .close = fd_close };

struct output *output_fd(int fd, size_t buffer_size, int timeout_ms, bool own)
{
    struct stat st;
    struct output *output = output_create(&fd_ops, sizeof(struct output_fd), buffer_size);
    if (!output) {
        if (own)
            close(fd);
        return NULL;
    }
    struct output_fd *out = (struct output_fd *)output;
    bool known = fstat(fd, &st) == 0;
    out->fd = fd;
    out->timeout_ms = timeout_ms;
    out->own = own;
    out->is_socket = known && S_ISSOCK(st.st_mode);
    out->is_regular = known && S_ISREG(st.st_mode);
    return output;
}

struct output_buf {
    struct output output;
    struct buf *buf;
};

static bool buf_write(struct output *output, const char *data, size_t len, struct error *err)
{
    struct buf *buf = ((struct output_buf *)output)->buf;
    buf_append(buf, data, len);
    if (buf_failed(buf))
        return error_set(err, ERROR_LIMIT, "the text is longer than %zu octets", buf->limit);
    return true;
}

static const struct output_ops buf_ops = { .write = buf_write };

struct output *output_buf(struct buf *buf)
{
    struct output *output = output_create(&buf_ops, sizeof(struct output_buf), 0);
    if (output)
        ((struct output_buf *)output)->buf = buf;
    return output;
}
