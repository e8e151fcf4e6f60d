/* UTF8 and LANG (RFC 6856, 2 and 3). Messages are sent as they are stored in either mode; what UTF8 changes
 * is only that the client has said it can take them. Replies are English, in ASCII. */
#include "pop3d/pop3.h"

void pop3_utf8(struct pop3 *pop3, struct bytes argument)
{
    (void)argument;
    pop3->utf8 = true;
    pop3_ok(pop3, "UTF8 mode");
}

static const struct {
    const char *tag, *name;
} languages[] = {
    { "en", "English" },
    { "i-default", "English" },
};

/* The language for a range of RFC 4647 ("*", "en-GB"), or NULL. */
static const char *language(struct bytes range)
{
    if (bytes_equal(range, BYTES("*")))
        return languages[0].tag;
    for (size_t i = 0; i < sizeof(languages) / sizeof(*languages); i++) {
        struct bytes tag = bytes_of(languages[i].tag);
        struct bytes head = bytes_take(range, tag.len);
        if (bytes_equal_nocase(head, tag) && (range.len == tag.len || range.data[tag.len] == '-'))
            return languages[i].tag;
    }
    return NULL;
}

void pop3_lang(struct pop3 *pop3, struct bytes argument)
{
    if (argument.len > 0) {
        const char *tag = language(argument);
        if (tag)
            pop3_ok(pop3, "%s Replies are in English", tag);
        else
            pop3_err(pop3, "", "Only English is spoken here");
        return;
    }
    pop3_ok(pop3, "Language listing follows");
    for (size_t i = 0; i < sizeof(languages) / sizeof(*languages); i++)
        output_printf(pop3->out, "%s %s\r\n", languages[i].tag, languages[i].name);
    output_string(pop3->out, ".\r\n");
}
