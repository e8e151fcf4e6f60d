/* Where octets come from at first: a file descriptor, or memory. */
#include "base/input.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/wait.h"

struct input_fd {
    struct input input;
    int fd, timeout_ms;
    bool own, is_socket, is_regular;
};

static ssize_t read_once(struct input_fd *in, void *data, size_t size)
{
    if (in->is_socket)
        return recv(in->fd, data, size, MSG_DONTWAIT);
    /* A terminal or pipe may block in read; files never do for poll. */
    if (!in->is_regular && in->timeout_ms >= 0 && !wait_ready(in->fd, POLLIN, 0)) {
        errno = EAGAIN;
        return -1;
    }
    return read(in->fd, data, size);
}

static ssize_t fd_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct input_fd *in = (struct input_fd *)input;
    for (;;) {
        ssize_t n = read_once(in, data, size);
        if (n >= 0)
            return n;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            error_errno(err, errno, "reading");
            return -1;
        }
        if (!wait_ready(in->fd, POLLIN, in->timeout_ms)) {
            error_set(err, ERROR_UNAVAILABLE, "nothing was received for %d seconds",
                      in->timeout_ms / 1000);
            return -1;
        }
    }
}

static off_t fd_skip(struct input *input, off_t n, struct error *err)
{
    struct input_fd *in = (struct input_fd *)input;
    struct stat st;
    off_t at = lseek(in->fd, 0, SEEK_CUR);
    if (at < 0 || fstat(in->fd, &st) != 0) {
        error_errno(err, errno, "skipping");
        return -1;
    }
    off_t left = st.st_size > at ? st.st_size - at : 0;
    n = n < left ? n : left;
    if (lseek(in->fd, n, SEEK_CUR) < 0) {
        error_errno(err, errno, "skipping");
        return -1;
    }
    return n;
}

static void fd_close(struct input *input)
{
    struct input_fd *in = (struct input_fd *)input;
    if (in->own)
        close(in->fd);
}

static const struct input_ops fd_ops = { .read = fd_read, .close = fd_close };
static const struct input_ops file_ops = { .read = fd_read, .skip = fd_skip, .close = fd_close };

struct input *input_fd(int fd, size_t buffer_size, int timeout_ms, bool own)
{
    struct stat st;
    bool known = fstat(fd, &st) == 0;
    bool is_regular = known && S_ISREG(st.st_mode);
    struct input *input = input_create(is_regular ? &file_ops : &fd_ops, sizeof(struct input_fd),
                                       buffer_size ? buffer_size : 1);
    if (!input) {
        if (own)
            close(fd);
        return NULL;
    }
    struct input_fd *in = (struct input_fd *)input;
    in->fd = fd;
    in->timeout_ms = timeout_ms;
    in->own = own;
    in->is_regular = is_regular;
    in->is_socket = known && S_ISSOCK(st.st_mode);
    return input;
}

void input_timeout(struct input *input, int timeout_ms)
{
    if (input->ops == &fd_ops || input->ops == &file_ops)
        ((struct input_fd *)input)->timeout_ms = timeout_ms;
}

int input_descriptor(const struct input *input)
{
    bool is_fd = input->ops == &fd_ops || input->ops == &file_ops;
    return is_fd ? ((const struct input_fd *)input)->fd : -1;
}

static ssize_t memory_read(struct input *input, void *data, size_t size, struct error *err)
{
    (void)input, (void)data, (void)size, (void)err;
    return 0;
}

static const struct input_ops memory_ops = { .read = memory_read };

struct input *input_memory(struct bytes data)
{
    struct input *input = input_create(&memory_ops, sizeof(*input), 0);
    if (!input)
        return NULL;
    input->buffer = (char *)(uintptr_t)(data.data ? data.data : "");
    input->filled = input->capacity = data.len;
    input->borrowed = input->ended = true;
    return input;
}
