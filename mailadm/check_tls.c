/* Certificate and key: there, readable by those who must and by nobody else, belonging together, in
 * date, for this host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "auth/module.h"
#include "base/file.h"
#include "mailadm/check.h"
#include "serve/certificate.h"

#define PEM_MAX (1 << 20)
#define SOON (14 * 86400)

static bool is_credential(const char *setting)
{
    return strncmp(setting, "credential:", 11) == 0;
}

static bool is_default(const struct conf *conf)
{
    return strcmp(conf_source(conf, "tls_cert"), "default") == 0 &&
           strcmp(conf_source(conf, "tls_key"), "default") == 0;
}

/* Without TLS nobody else's passwords pass, unless the administrator wants it so. */
static void without_tls(struct check *check, const char *why)
{
    const struct conf *conf = check->conf;
    if (conf->tls == CONF_TLS_IMPLICIT)
        check_error(check, "tls = implicit (%s), but %s", conf_source(conf, "tls"), why);
    else if (conf->plaintext == CONF_PLAINTEXT_ALWAYS)
        check_warning(check,
                      "%s, and plaintext = always (%s): passwords cross the network in the clear",
                      why, conf_source(conf, "plaintext"));
    else
        check_warning(check,
                      "%s: no TLS, so logins are possible only from this machine; put a "
                      "certificate chain into "
                      "%s and its key into %s",
                      why, conf->tls_cert, conf->tls_key);
}

/* Reads a PEM file; false: said why. */
static bool read_pem(struct check *check, const char *name, const char *path, struct buf *out)
{
    struct error err;
    if (file_read(AT_FDCWD, path, PEM_MAX, out, &err))
        return true;
    if (!check->root && err.class == ERROR_NOT_PERMITTED && strcmp(name, "tls_key") == 0)
        check_warning(check, "tls_key %s is not readable for uid %u; as root it may be", path,
                      (unsigned)getuid());
    else
        check_error(check, "%s (%s): %s", name, conf_source(check->conf, name), err.text);
    return false;
}

static void check_key_mode(struct check *check, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return;
    if (st.st_mode & 07)
        check_error(check,
                    "tls_key %s can be read or changed by everybody (mode %04o); chmod 600 %s",
                    path, st.st_mode & 07777, path);
    else if (st.st_mode & 022)
        check_error(check, "tls_key %s can be changed by its group (mode %04o); chmod 640 %s", path,
                    st.st_mode & 07777, path);
    else if (check->root && st.st_uid != 0)
        check_warning(check,
                      "tls_key %s belongs to uid %u, who can read and change it; chown root %s",
                      path, (unsigned)st.st_uid, path);
}

static void day(time_t when, char out[32])
{
    struct tm tm;
    strftime(out, 32, "%Y-%m-%d %H:%M", localtime_r(&when, &tm));
}

static void check_dates(struct check *check, const struct certificate_facts *facts,
                        const char *path)
{
    time_t now = time(NULL);
    char from[32], until[32];
    day(facts->from, from);
    day(facts->until, until);
    if (now > facts->until)
        check_error(check, "certificate %s expired on %s; renew it", path, until);
    else if (now < facts->from)
        check_error(check, "certificate %s is not valid before %s; is this machine's clock right?",
                    path, from);
    else if (facts->until - now < SOON)
        check_warning(check, "certificate %s expires on %s, in %ld day%s; renew it", path, until,
                      (long)(facts->until - now) / 86400,
                      (facts->until - now) / 86400 == 1 ? "" : "s");
    else
        check_ok(check, "certificate %s for %s, %zu in the chain, until %s", path, facts->subject,
                 facts->chain, until);
}

static void check_facts(struct check *check, const struct certificate_facts *facts,
                        const char *path, const char *host, bool with_key)
{
    check_dates(check, facts, path);
    if (with_key && !facts->key_matches)
        check_error(
            check,
            "tls_key %s is not the key of certificate %s; one of both files is of another pair",
            check->conf->tls_key, path);
    if (!facts->for_host)
        check_warning(
            check,
            "certificate %s is not for the name %s; clients that use this name will complain "
            "(hostname = \"NAME\" sets the name)",
            path, host);
    if (facts->self_signed)
        check_warning(check, "certificate %s is self-signed: clients must be told to trust it",
                      path);
    if (facts->bits > 0 && facts->bits < 2048)
        check_error(check,
                    "the key of certificate %s has only %u bits; clients refuse less than 2048",
                    path, facts->bits);
}

static void host_name(const struct conf *conf, char *out, size_t size)
{
    snprintf(out, size, "%s", conf->hostname);
    if (!out[0] && gethostname(out, size - 1) != 0)
        snprintf(out, size, "localhost");
}

static void inspect(struct check *check, const struct certificate_module *module,
                    struct bytes chain, struct bytes key)
{
    const struct conf *conf = check->conf;
    struct certificate_facts facts;
    struct error err;
    char host[256] = "";
    host_name(conf, host, sizeof(host));
    if (module->inspect(chain, key, host, &facts, &err))
        check_facts(check, &facts, conf->tls_cert, host, key.data != NULL);
    else
        check_error(check, "tls_cert %s, tls_key %s: %s", conf->tls_cert, conf->tls_key, err.text);
}

static void check_files(struct check *check, const struct certificate_module *module)
{
    const struct conf *conf = check->conf;
    struct buf chain = BUF_INIT(PEM_MAX), key = BUF_INIT(PEM_MAX);
    bool has_key = access(conf->tls_key, F_OK) == 0;
    if (access(conf->tls_cert, F_OK) != 0 && errno == ENOENT && !has_key && is_default(conf)) {
        without_tls(check, "there is no certificate");
        return;
    }
    bool good = read_pem(check, "tls_cert", conf->tls_cert, &chain);
    bool keyed = read_pem(check, "tls_key", conf->tls_key, &key);
    if (keyed)
        check_key_mode(check, conf->tls_key);
    if (good)
        inspect(check, module, buf_view(&chain), keyed ? buf_view(&key) : (struct bytes){ 0 });
    buf_free(&chain);
    buf_wipe(&key);
}

void check_tls(struct check *check)
{
    const struct conf *conf = check->conf;
    struct error err;
    if (conf->tls == CONF_TLS_NO) {
        without_tls(check, "tls = no");
        return;
    }
    const struct certificate_module *module = module_load("certificate", &err);
    if (!module) {
        check_error(check, "certificates cannot be looked at: %s", err.text);
        return;
    }
    if (!module->priorities(conf->tls_priorities, &err))
        check_error(check, "%s: tls_priorities: %s", conf_source(conf, "tls_priorities"), err.text);
    if (is_credential(conf->tls_cert) || is_credential(conf->tls_key))
        check_warning(check,
                      "tls_cert %s, tls_key %s: a credential of systemd exists only inside the "
                      "units (LoadCredential=); it "
                      "is not looked at",
                      conf->tls_cert, conf->tls_key);
    else
        check_files(check, module);
}
