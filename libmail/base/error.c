#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int errnum;
    enum error_class class;
} errno_classes[] = {
    { ENOENT, ERROR_NO_SUCH },
    { ENOTDIR, ERROR_NO_SUCH },
    { EEXIST, ERROR_EXISTS },
    { ENOTEMPTY, ERROR_EXISTS },
    { EACCES, ERROR_NOT_PERMITTED },
    { EPERM, ERROR_NOT_PERMITTED },
    { EROFS, ERROR_NOT_PERMITTED },
    { ENOSPC, ERROR_OVER_QUOTA },
    { EDQUOT, ERROR_OVER_QUOTA },
    { EFBIG, ERROR_TOO_BIG },
    { EUCLEAN, ERROR_CORRUPT },
    { EBADMSG, ERROR_CORRUPT },
    { ENOMEM, ERROR_LIMIT },
    { EMFILE, ERROR_LIMIT },
    { ENFILE, ERROR_LIMIT },
    { EMLINK, ERROR_LIMIT },
    { EAGAIN, ERROR_CONFLICT },
    { EBUSY, ERROR_CONFLICT },
    { EINVAL, ERROR_INVALID },
    { ENAMETOOLONG, ERROR_INVALID },
    { EILSEQ, ERROR_INVALID },
    { ELOOP, ERROR_INVALID },
    { EPIPE, ERROR_UNAVAILABLE },
    { ECONNRESET, ERROR_UNAVAILABLE },
    { ECONNREFUSED, ERROR_UNAVAILABLE },
    { ECONNABORTED, ERROR_UNAVAILABLE },
    { ENOTCONN, ERROR_UNAVAILABLE },
    { ETIMEDOUT, ERROR_UNAVAILABLE },
    { EHOSTUNREACH, ERROR_UNAVAILABLE },
    { ENETUNREACH, ERROR_UNAVAILABLE },
};

/* Towards an MTA only what will never work is permanent: wrong permissions and a damaged mailbox
 * are for the administrator to mend while the message waits. */
static const struct error_reply replies[ERROR_CLASSES] = {
    [ERROR_NONE] = { "", "", 250, "2.0.0", "Done" },
    [ERROR_TEMPORARY] = { "UNAVAILABLE", "SYS/TEMP", 451, "4.3.0",
                          "Internal trouble, try again later" },
    [ERROR_NO_SUCH] = { "NONEXISTENT", "", 550, "5.1.1", "There is no such thing" },
    [ERROR_EXISTS] = { "ALREADYEXISTS", "", 550, "5.3.0", "It exists already" },
    [ERROR_NOT_PERMITTED] = { "NOPERM", "SYS/PERM", 451, "4.2.0", "Permission denied" },
    [ERROR_OVER_QUOTA] = { "OVERQUOTA", "SYS/TEMP", 452, "4.2.2", "Not enough room" },
    [ERROR_TOO_BIG] = { "TOOBIG", "SYS/PERM", 552, "5.3.4", "Too big" },
    [ERROR_CORRUPT] = { "CORRUPTION", "SYS/PERM", 451, "4.3.0", "Stored data is damaged" },
    [ERROR_LIMIT] = { "LIMIT", "SYS/TEMP", 452, "4.3.1", "A limit is reached" },
    [ERROR_CONFLICT] = { "INUSE", "IN-USE", 450, "4.2.0", "In use by somebody else" },
    [ERROR_INVALID] = { "CANNOT", "", 501, "5.5.4", "The request makes no sense as it is" },
    [ERROR_UNAVAILABLE] = { "UNAVAILABLE", "SYS/TEMP", 451, "4.3.0",
                            "A service does not answer, try again later" },
};

/* The text is one line whatever it quotes. */
static void one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

/* Cuts a UTF-8 sequence that vsnprintf broke off at the end of a full buffer. */
static void whole_characters(char *text, size_t size)
{
    size_t len = strlen(text);
    if (len < size - 1)
        return;
    size_t start = len;
    while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xC0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t needs = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (len - start < needs)
        text[start - 1] = '\0';
}

__attribute__((format(printf, 2, 0))) static void
write_text(struct error *err, const char *format, va_list args, const char *behind)
{
    char words[sizeof(err->text)];
    vsnprintf(words, sizeof(words), format, args);
    /* Long words give way to what follows them, which says the reason. */
    size_t keep = strlen(behind);
    keep = keep < sizeof(words) / 2 ? sizeof(words) - 1 - keep : sizeof(words) / 2;
    snprintf(err->text, sizeof(err->text), "%.*s%s", (int)keep, words, behind);
    one_line(err->text);
    whole_characters(err->text, sizeof(err->text));
}

bool error_set(struct error *err, enum error_class class, const char *format, ...)
{
    if (!err)
        return false;
    va_list args;
    va_start(args, format);
    write_text(err, format, args, "");
    va_end(args);
    err->class = class;
    return false;
}

static enum error_class class_of(int errnum)
{
    for (size_t i = 0; i < sizeof(errno_classes) / sizeof(*errno_classes); i++)
        if (errno_classes[i].errnum == errnum)
            return errno_classes[i].class;
    return ERROR_TEMPORARY;
}

bool error_errno(struct error *err, int errnum, const char *format, ...)
{
    if (!err)
        return false;
    char reason[128];
    snprintf(reason, sizeof(reason), ": %s", strerror(errnum));
    va_list args;
    va_start(args, format);
    write_text(err, format, args, reason);
    va_end(args);
    err->class = class_of(errnum);
    return false;
}

bool error_memory(struct error *err)
{
    return error_set(err, ERROR_LIMIT, "out of memory");
}

bool error_prefix(struct error *err, const char *format, ...)
{
    if (!err)
        return false;
    char before[sizeof(err->text)];
    memcpy(before, err->text, sizeof(before));
    va_list args;
    va_start(args, format);
    write_text(err, format, args, before);
    va_end(args);
    return false;
}

const struct error_reply *error_reply(enum error_class class)
{
    if ((unsigned)class >= ERROR_CLASSES)
        class = ERROR_TEMPORARY;
    return &replies[class];
}
