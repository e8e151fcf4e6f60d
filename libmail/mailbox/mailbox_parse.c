#include "mailbox/mailbox_parse.h"

bool parse_write(struct buf *out, const struct part *root, struct bytes fields[INDEX_FIELD_COUNT])
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
    if (buf_failed(out))
        return false;
    for (size_t i = 0; i < INDEX_FIELD_COUNT; i++) {
        fields[i] = (struct bytes){ out->data + start, ends[i] - start };
        start = ends[i];
    }
    return true;
}
