/* A merge sort from the bottom up over short runs. What is in order already (mail mostly is, by
 * date) costs one comparison for each pair of runs. */
#include "query/order.h"

enum { RUN = 12 };

static bool less(const struct order_item *a, const struct order_item *b, const char *keys)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    if (!a->rest_len || !b->rest_len)
        return a->rest_len < b->rest_len;
    uint32_t shorter = a->rest_len < b->rest_len ? a->rest_len : b->rest_len;
    int order = memcmp(keys + a->rest, keys + b->rest, shorter);
    return order ? order < 0 : a->rest_len < b->rest_len;
}

static void insertion_sort(struct order_item *items, size_t count, const char *keys)
{
    for (size_t i = 1; i < count; i++) {
        struct order_item item = items[i];
        size_t at = i;
        for (; at && less(&item, &items[at - 1], keys); at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

static void merge(struct order_item *items, size_t middle, size_t count, struct order_item *scratch,
                  const char *keys)
{
    size_t left = 0, right = middle, to = 0;
    if (!less(&items[middle], &items[middle - 1], keys))
        return;
    memcpy(scratch, items, middle * sizeof(*items));
    while (left < middle && right < count)
        items[to++] = less(&items[right], &scratch[left], keys) ? items[right++] : scratch[left++];
    memcpy(items + to, scratch + left, (middle - left) * sizeof(*items));
}

void order_sort(struct order_item *items, size_t count, struct order_item *scratch,
                const char *keys)
{
    for (size_t at = 0; at < count; at += RUN)
        insertion_sort(items + at, count - at < RUN ? count - at : RUN, keys);
    for (size_t width = RUN; width < count; width *= 2)
        for (size_t at = 0; at < count && count - at > width; at += 2 * width)
            merge(items + at, width, count - at < 2 * width ? count - at : 2 * width, scratch,
                  keys);
}
