#include "lmtpd/recipient.h"

#include <stdio.h>

static bool is_local(const struct conf *conf, struct bytes domain)
{
    if (domain.len == 0)
        return true;
    for (const char **local = conf->local_domains; local && *local; local++)
        if (bytes_equal_nocase(bytes_of(*local), domain))
            return true;
    return false;
}

/* A domain has no case (RFC 5321, 2.4); the local part is the user data base's affair. */
static void add(struct recipient_names *out, struct bytes local, struct bytes domain, bool cut)
{
    char *name = out->names[out->count];
    size_t len = local.len + (domain.len ? domain.len + 1 : 0);
    if (local.len == 0 || len > ACCOUNT_NAME_MAX)
        return;
    memcpy(name, local.data, local.len);
    if (domain.len > 0) {
        name[local.len] = '@';
        for (size_t i = 0; i < domain.len; i++) {
            char c = domain.data[i];
            name[local.len + 1 + i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
    }
    name[len] = '\0';
    out->cut[out->count++] = cut;
}

void recipient_names(const struct conf *conf, struct bytes local, struct bytes domain,
                     struct recipient_names *out)
{
    struct bytes delimiter = bytes_of(conf->recipient_delimiter);
    ssize_t at = delimiter.len > 0 ? bytes_find(local, delimiter) : -1;
    struct bytes user = bytes_take(local, at > 0 ? (size_t)at : local.len);
    *out = (struct recipient_names){ .count = 0 };
    if (at > 0)
        out->detail = bytes_skip(local, (size_t)at + delimiter.len);
    if (domain.len > 0) {
        add(out, local, domain, false);
        if (at > 0)
            add(out, user, domain, true);
    }
    if (is_local(conf, domain)) {
        add(out, local, BYTES(""), false);
        if (at > 0)
            add(out, user, BYTES(""), true);
    }
}

/* One name; ERROR_NO_SUCH also for what cannot be a login name here. */
static bool try_name(const struct conf *conf, const char *name, struct account *account,
                     struct arena *arena, struct error *err)
{
    char normal[ACCOUNT_NAME_MAX + 1];
    if (!account_normalise(conf, bytes_of(name), normal, err)) {
        if (err)
            err->class = ERROR_NO_SUCH;
        return false;
    }
    return account_lookup_recipient(conf, normal, account, arena, err);
}

bool recipient_lookup(const struct conf *conf, struct bytes local, struct bytes domain,
                      struct account *account, struct bytes *detail, struct arena *arena,
                      struct error *err)
{
    struct recipient_names names;
    struct error trouble = { ERROR_NO_SUCH, "nobody here has this address" };
    recipient_names(conf, local, domain, &names);
    for (size_t i = 0; i < names.count; i++) {
        trouble = (struct error){ 0 };
        if (try_name(conf, names.names[i], account, arena, &trouble)) {
            bool named = names.cut[i] && names.detail.len > 0;
            *detail = named ? names.detail : bytes_make(NULL, 0);
            return true;
        }
        /* A driver that cannot say must not make a bounce of the next name's "no". */
        if (trouble.class != ERROR_NO_SUCH)
            break;
    }
    if (err)
        *err = trouble;
    return false;
}
