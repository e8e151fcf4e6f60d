/* POP3's unique ids, in Dovecot's variables (pop3_uidl_format): %v UIDVALIDITY, %u UID,
 * %f file name, %g GUID; a width and "0" before the letter, "X" for hexadecimal: "%08Xu%08Xv". */
#include "mailbox/mailbox_private.h"

struct variable {
    bool zero, hexadecimal;
    int width;
    char letter;
};

/* Reads what follows a "%". */
static bool parse_variable(const char **at, struct variable *out)
{
    *out = (struct variable){ 0 };
    if (**at == '0') {
        out->zero = true;
        ++*at;
    }
    while (**at >= '0' && **at <= '9' && out->width < 100)
        out->width = out->width * 10 + *(*at)++ - '0';
    if (**at == 'X' || **at == 'x') {
        out->hexadecimal = true;
        ++*at;
    }
    out->letter = **at;
    if (out->letter)
        ++*at;
    return out->letter != '\0';
}

static void write_number(struct buf *out, const struct variable *variable, uint32_t n)
{
    int width = variable->width;
    if (variable->hexadecimal)
        buf_printf(out, variable->zero ? "%0*x" : "%*x", width, n);
    else
        buf_printf(out, variable->zero ? "%0*u" : "%*u", width, n);
}

bool mailbox_uidl(struct mailbox *mailbox, uint32_t seq, const char *format, struct buf *out,
                  struct error *err)
{
    struct bytes name, guid, stored;
    struct variable variable;
    if (!seq || seq > mailbox->view.count)
        return error_set(err, ERROR_INVALID, "there is no message %u in %s", seq, mailbox->name);
    uint32_t uid = view_uid(&mailbox->view, seq);
    if (!mailbox->ops->identity(mailbox, uid, &name, &guid, &stored))
        return error_set(err, ERROR_NO_SUCH, "message %u of %s is gone", uid, mailbox->name);
    if (stored.len) { /* the id that another server gave it */
        buf_bytes(out, stored);
        return true;
    }
    while (*format) {
        if (*format != '%') {
            buf_byte(out, *format++);
            continue;
        }
        format++;
        if (!parse_variable(&format, &variable))
            return error_set(err, ERROR_INVALID, "the format of POP3 ids ends within a variable");
        switch (variable.letter) {
        case '%':
            buf_byte(out, '%');
            break;
        case 'v':
            write_number(out, &variable, mailbox->uidvalidity);
            break;
        case 'u':
            write_number(out, &variable, uid);
            break;
        case 'f':
            buf_bytes(out, name);
            break;
        case 'g':
            buf_bytes(out, guid);
            break;
        default:
            return error_set(err, ERROR_INVALID,
                             "the format of POP3 ids has an unknown variable %%%c",
                             variable.letter);
        }
    }
    return !buf_failed(out) || error_memory(err);
}
