#include "auth/passwd_extra.h"

/* Words of Dovecot's that mean nothing here: they say how its own processes find or forward a user.
 */
static const char *const ignored[] = { "nodelay", "delay_until",   "proxy",    "proxy_maybe",
                                       "host",    "port",          "destuser", "nopassword",
                                       "mode",    "starttls",      "ssl",      "pass",
                                       "master",  "original_user", "forward" };

static bool is_ignored(struct bytes name)
{
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        if (bytes_equal(name, bytes_of(ignored[i])))
            return true;
    return false;
}

static struct bytes next_word(struct bytes *rest)
{
    while (rest->len > 0 && (rest->data[0] == ' ' || rest->data[0] == '\t'))
        *rest = bytes_skip(*rest, 1);
    size_t n = 0;
    while (n < rest->len && rest->data[n] != ' ' && rest->data[n] != '\t')
        n++;
    struct bytes word = bytes_take(*rest, n);
    *rest = bytes_skip(*rest, n);
    return word;
}

static bool add_setting(struct account *account, struct bytes name, struct bytes value,
                        struct arena *arena, struct error *err)
{
    if (account->settings_count == ACCOUNT_SETTINGS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d extra fields", ACCOUNT_SETTINGS_MAX);
    const char *n = arena_copy(arena, name), *v = arena_copy(arena, value);
    if (!n || !v)
        return error_memory(err);
    account->settings[account->settings_count].name = n;
    account->settings[account->settings_count++].value = v;
    return true;
}

static bool apply(struct passwd_entry *entry, struct account *account, struct bytes name,
                  struct bytes value, struct arena *arena, struct error *err)
{
    const struct bytes prefix = BYTES("userdb_");
    bool userdb = bytes_starts(name, prefix);
    if (userdb)
        name = bytes_skip(name, prefix.len);
    if (bytes_equal(name, BYTES("nologin"))) {
        account->nologin = !bytes_equal(value, BYTES("no"));
        return true;
    }
    if (bytes_equal(name, BYTES("allow_nets"))) {
        account->allow_nets = arena_copy(arena, value);
        return account->allow_nets || error_memory(err);
    }
    struct bytes *field = bytes_equal(name, BYTES("uid"))    ? &entry->uid
                          : bytes_equal(name, BYTES("gid"))  ? &entry->gid
                          : bytes_equal(name, BYTES("home")) ? &entry->home
                                                             : NULL;
    if (field) {
        *field = value;
        return true;
    }
    return (!userdb && is_ignored(name)) || add_setting(account, name, value, arena, err);
}

bool passwd_extra(struct passwd_entry *entry, struct account *account, struct arena *arena,
                  struct error *err)
{
    struct bytes rest = entry->extra;
    for (struct bytes word = next_word(&rest); word.len > 0; word = next_word(&rest)) {
        struct bytes value = word, name = bytes_split(&value, '=');
        if (!value.data)
            value = BYTES("yes");
        if (!apply(entry, account, name, value, arena, err))
            return false;
    }
    return true;
}
