/* CAPABILITY: the one table of what is announced, and when (RFC 3501, 6.1.1 and 7.2.1).
 *
 *     CAPABILITY
 */
#include "imapd/imap.h"

enum {
    BEFORE_LOGIN = 1 << 0,
    AFTER_LOGIN = 1 << 1,
    ALWAYS = BEFORE_LOGIN | AFTER_LOGIN,
};

static const struct {
    const char *name;
    unsigned when;
} capabilities[] = {
    { "IMAP4rev1", ALWAYS },
    { "LITERAL+", ALWAYS },           /* RFC 7888 */
    { "SASL-IR", ALWAYS },            /* RFC 4959 */
    { "ID", ALWAYS },                 /* RFC 2971 */
    { "ENABLE", ALWAYS },             /* RFC 5161 */
    { "IDLE", ALWAYS },               /* RFC 2177 */
    { "NAMESPACE", AFTER_LOGIN },     /* RFC 2342 */
    { "CHILDREN", AFTER_LOGIN },      /* RFC 3348 */
    { "LIST-EXTENDED", AFTER_LOGIN }, /* RFC 5258 */
    { "LIST-STATUS", AFTER_LOGIN },   /* RFC 5819 */
    { "SPECIAL-USE", AFTER_LOGIN },   /* RFC 6154 */
    { "STATUS=SIZE", AFTER_LOGIN },   /* RFC 8438 */
    { "UNSELECT", AFTER_LOGIN },      /* RFC 3691 */
    { "UIDPLUS", AFTER_LOGIN },       /* RFC 4315 */
    { "MULTIAPPEND", AFTER_LOGIN },   /* RFC 3502 */
    { "MOVE", AFTER_LOGIN },          /* RFC 6851 */
    { "SORT", AFTER_LOGIN },          /* RFC 5256, and the next two */
    { "THREAD=ORDEREDSUBJECT", AFTER_LOGIN },
    { "THREAD=REFERENCES", AFTER_LOGIN },
    { "I18NLEVEL=1", AFTER_LOGIN }, /* RFC 5255: i;unicode-casemap */
};

/* What depends on the connection: STARTTLS, LOGINDISABLED, AUTH=... */
static void add_login(struct buf *out, const struct login *login)
{
    struct bytes mechanisms = bytes_of(login_mechanisms(login));
    if (login->tls_possible)
        buf_string(out, " STARTTLS");
    if (!login->plaintext_ok)
        buf_string(out, " LOGINDISABLED");
    while (mechanisms.len > 0) {
        struct bytes mechanism = bytes_split(&mechanisms, ' ');
        if (mechanism.len == 0)
            continue;
        buf_string(out, " AUTH=");
        buf_bytes(out, mechanism);
    }
}

const char *imap_capabilities(const struct login *login)
{
    static struct buf out = { .limit = 4096 };
    unsigned now = login ? BEFORE_LOGIN : AFTER_LOGIN;
    buf_clear(&out);
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++) {
        if (!(capabilities[i].when & now))
            continue;
        if (out.len > 0)
            buf_string(&out, " ");
        buf_string(&out, capabilities[i].name);
    }
    if (login)
        add_login(&out, login);
    return buf_cstr(&out);
}

bool imap_capability(struct imap *imap)
{
    if (!parser_end(&imap->parser))
        return false;
    imap_untagged(imap, "CAPABILITY %s", imap_capabilities(NULL));
    return imap_ok(imap, NULL, "That is what there is");
}
