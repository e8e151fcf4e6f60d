#include "mailbox/mailbox_exact.h"

struct exact {
    struct input input;
    struct input *parent;
    uint64_t left;
    uint32_t uid;
};

static ssize_t wrong_length(const struct exact *exact, const char *what, struct error *err)
{
    error_set(err, ERROR_CORRUPT, "message %u is %s than it was when it was measured", exact->uid,
              what);
    return -1;
}

static ssize_t exact_read(struct input *input, void *data, size_t size, struct error *err)
{
    struct exact *exact = (struct exact *)input;
    struct bytes more;
    if (!exact->left) {
        int next = input_next(exact->parent, &more, err);
        return next > 0 ? wrong_length(exact, "longer", err) : next;
    }
    ssize_t n =
        input_read(exact->parent, data, exact->left < size ? (size_t)exact->left : size, err);
    if (n == 0)
        return wrong_length(exact, "shorter", err);
    if (n > 0)
        exact->left -= (uint64_t)n;
    return n;
}

static void exact_close(struct input *input)
{
    input_close(&((struct exact *)input)->parent);
}

static const struct input_ops exact_ops = { .read = exact_read, .close = exact_close };

struct input *input_exact(struct input *parent, uint64_t octets, uint32_t uid)
{
    struct exact *exact = (struct exact *)input_create(&exact_ops, sizeof(*exact), 16384);
    if (!exact) {
        input_close(&parent);
        return NULL;
    }
    exact->parent = parent;
    exact->left = octets;
    exact->uid = uid;
    return &exact->input;
}
