/* dovecot-keywords: "0 $Forwarded\n1 $Junk\n": which keyword a letter in a file name stands for
 * ('a' + number). Written aside and renamed, under the uidlist's lock. */
#include "mailbox/maildir_private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define KEYWORDS "dovecot-keywords"

enum { FILE_MAX = 64 * 1024 };

bool maildir_keywords_parse(struct bytes text, struct bytes names[MAILDIR_KEYWORDS])
{
    bool good = true;
    while (text.len) {
        struct bytes line = bytes_split(&text, '\n');
        uint32_t number;
        if (!line.len)
            continue;
        if (bytes_to_u32(bytes_split(&line, ' '), &number) && number < MAILDIR_KEYWORDS && line.len)
            names[number] = line;
        else
            good = false;
    }
    return good;
}

bool maildir_keywords_refresh(struct maildir *maildir, struct error *err)
{
    struct stat st;
    struct bytes names[MAILDIR_KEYWORDS] = { { 0 } };
    if (fstatat(maildir->uidlist.dir, KEYWORDS, &st, 0) != 0)
        return errno == ENOENT ||
               error_errno(err, errno, "looking for %s/" KEYWORDS, maildir->paths.control);
    if (st.st_ino == maildir->keywords_ino &&
        st.st_ctim.tv_sec == maildir->keywords_changed_at.tv_sec &&
        st.st_ctim.tv_nsec == maildir->keywords_changed_at.tv_nsec)
        return true;
    struct buf text = BUF_INIT(FILE_MAX);
    if (!file_read(maildir->uidlist.dir, KEYWORDS, FILE_MAX, &text, err)) {
        buf_free(&text);
        return error_prefix(err, "%s: ", maildir->paths.control);
    }
    maildir_keywords_parse(buf_view(&text), names);
    bool ok = true;
    for (unsigned i = 0; ok && i < MAILDIR_KEYWORDS; i++)
        if (names[i].len)
            ok = mailbox_keyword_set(&maildir->mailbox, i, names[i]);
    buf_free(&text);
    maildir->keywords_ino = st.st_ino;
    maildir->keywords_changed_at = st.st_ctim;
    return ok || error_memory(err);
}

static bool write_keywords(struct maildir *maildir, struct error *err)
{
    struct buf text = BUF_INIT(FILE_MAX);
    struct stat st;
    mode_t mode = fstat(maildir->uidlist.dir, &st) == 0 ? st.st_mode & 0666 : 0600;
    for (unsigned i = 0; i < MAILDIR_KEYWORDS; i++)
        if (maildir->mailbox.keywords[i])
            buf_printf(&text, "%u %s\n", i, maildir->mailbox.keywords[i]);
    bool ok = buf_failed(&text)
                  ? error_memory(err)
                  : file_replace(maildir->uidlist.dir, KEYWORDS, buf_view(&text), mode, err);
    buf_free(&text);
    return ok || error_prefix(err, "%s: ", maildir->paths.control);
}

static bool create_locked(struct maildir *maildir, struct bytes name, int *bit, struct error *err)
{
    struct mailbox *mailbox = &maildir->mailbox;
    if (!maildir_keywords_refresh(maildir, err))
        return false;
    *bit = mailbox_keyword_bit(mailbox, name, false, NULL);
    if (*bit >= 0)
        return true;
    unsigned free_bit = 0;
    while (free_bit < mailbox->keywords_max && mailbox->keywords[free_bit])
        free_bit++;
    if (free_bit >= mailbox->keywords_max)
        return error_set(err, ERROR_LIMIT,
                         "%s holds %u keywords, all that a Maildir has letters for",
                         maildir->paths.mail, mailbox->keywords_max);
    if (!mailbox_keyword_set(mailbox, free_bit, name))
        return error_memory(err);
    if (!write_keywords(maildir, err)) {
        mailbox_keyword_set(mailbox, free_bit, (struct bytes){ 0 });
        return false;
    }
    *bit = (int)free_bit;
    return true;
}

bool maildir_keyword_create(struct mailbox *mailbox, struct bytes name, int *bit, struct error *err)
{
    struct maildir *maildir = maildir_of(mailbox);
    if (!name.len || name.len > 200 || memchr(name.data, '\n', name.len) ||
        memchr(name.data, ' ', name.len) || memchr(name.data, '\0', name.len))
        return error_set(err, ERROR_INVALID, "that is no keyword");
    if (!maildir_lock(maildir, UIDLIST_LOCK_WAIT_MS, err))
        return false;
    bool ok = create_locked(maildir, name, bit, err);
    maildir_unlock(maildir);
    return ok;
}
