#include "mailbox/mailbox_parse.h"

#include "message/sort_key.h"

void head_feed(struct head *head, struct bytes piece)
{
    if (head->whole || head->text.len > HEAD_CACHED)
        return;
    size_t before = head->text.len > 2 ? head->text.len - 2 : 0;
    buf_bytes(&head->text, bytes_take(piece, HEAD_CACHED + 1 - head->text.len));
    size_t end = header_end(buf_view(&head->text), before);
    if (!end)
        return;
    head->text.len = end;
    head->whole = true;
}

struct bytes head_text(const struct head *head)
{
    bool good = !buf_failed(&head->text) && head->text.len <= HEAD_CACHED;
    return good ? buf_view(&head->text) : (struct bytes){ 0 };
}

void head_free(struct head *head)
{
    buf_free(&head->text);
    head->whole = false;
}

size_t header_end(struct bytes text, size_t from)
{
    if (text.len >= 1 && text.data[0] == '\n')
        return 1;
    if (text.len >= 2 && text.data[0] == '\r' && text.data[1] == '\n')
        return 2;
    for (size_t i = from; i < text.len; i++) {
        const char *lf = memchr(text.data + i, '\n', text.len - i);
        if (!lf)
            return 0;
        i = (size_t)(lf - text.data);
        if (i + 1 < text.len && text.data[i + 1] == '\n')
            return i + 2;
        if (i + 2 < text.len && text.data[i + 1] == '\r' && text.data[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

bool parse_write(struct buf *out, const struct part *root, struct bytes header,
                 struct bytes fields[INDEX_FIELD_COUNT])
{
    size_t ends[INDEX_FIELD_COUNT], start = out->len;
    envelope_write(out, root->envelope);
    ends[INDEX_ENVELOPE] = out->len;
    bodystructure_write(out, root, false);
    ends[INDEX_BODY] = out->len;
    bodystructure_write(out, root, true);
    ends[INDEX_BODYSTRUCTURE] = out->len;
    part_pack(out, root);
    ends[INDEX_PARTS] = out->len;
    sort_key_pack(out, root->envelope);
    ends[INDEX_SORT] = out->len;
    buf_bytes(out, header);
    ends[INDEX_HEADER] = out->len;
    if (buf_failed(out))
        return false;
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++) {
        fields[i] = (struct bytes){ out->data + start, ends[i] - start };
        start = ends[i];
    }
    return true;
}
