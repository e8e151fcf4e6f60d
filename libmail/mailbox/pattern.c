/* LIST's patterns (RFC 3501, 6.3.8). Every position of the pattern that could be reached is carried
 * along the name: the cost is their lengths multiplied, whatever the pattern. */
#include "mailbox/store_private.h"

/* From a wildcard one may step on without taking an octet. */
static void spread(struct bytes pattern, bool *row)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (row[i] && (pattern.data[i] == '*' || pattern.data[i] == '%'))
            row[i + 1] = true;
}

bool pattern_match(struct bytes pattern, struct bytes name, char separator, bool *room)
{
    bool *row = room, *next = room + pattern.len + 1;
    memset(row, 0, pattern.len + 1);
    row[0] = true;
    spread(pattern, row);
    for (size_t at = 0; at < name.len; at++) {
        char c = name.data[at];
        memset(next, 0, pattern.len + 1);
        for (size_t i = 0; i < pattern.len; i++) {
            char p = pattern.data[i];
            if (!row[i])
                continue;
            if (p == '*' || (p == '%' && c != separator))
                next[i] = true;
            else if (p != '%' && p == c)
                next[i + 1] = true;
        }
        spread(pattern, next);
        bool *swap = row;
        row = next;
        next = swap;
    }
    return row[pattern.len];
}
