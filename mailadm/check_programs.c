/* What is installed and what starts it: programs, modules, systemd's units or inetd, sockets that
 * are listened on. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "auth/module.h"
#include "base/file.h"
#include "mailadm/check.h"

#define LMTP_SOCKET "/run/postern/lmtp" /* where lmtpd.socket puts it */

static const struct service {
    const char *program;
    const char *units[4]; /* each starts it; the listener's name follows from "NAME-listener" */
} services[] = {
    { "imapd", { "imapd", "imaps" } },
    { "pop3d", { "pop3d", "pop3s" } },
    { "lmtpd", { "lmtpd", "lmtpd-tcp" } },
};
#define SERVICES (sizeof(services) / sizeof(*services))

/* Programs lie beside this one (a build) or in LIBEXECDIR. */
static bool is_installed(const char *program)
{
    char path[4200], self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    snprintf(path, sizeof(path), LIBEXECDIR "/%s", program);
    if (access(path, X_OK) == 0)
        return true;
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    snprintf(path, sizeof(path), "%s/%s", self, program);
    return slash && access(path, X_OK) == 0;
}

static void check_modules(struct check *check)
{
    static const char *const modules[] = { "tls", "crypt" };
    for (size_t i = 0; i < sizeof(modules) / sizeof(*modules); i++) {
        struct error err;
        if (!module_load(modules[i], &err))
            check_error(check, "%s; install it with make install", err.text);
    }
}

static bool is_enabled(const char *unit)
{
    char pattern[300];
    glob_t found;
    snprintf(pattern, sizeof(pattern), "/etc/systemd/system/*.wants/%s.socket", unit);
    bool enabled = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0;
    if (enabled)
        globfree(&found);
    return enabled;
}

static bool is_in_file(const char *path, const char *word)
{
    struct buf text = BUF_INIT(1 << 20);
    struct error err;
    bool has = false;
    if (file_read(AT_FDCWD, path, 1 << 20, &text, &err))
        for (struct bytes rest = buf_view(&text); rest.data && !has;) {
            struct bytes line = bytes_trim(bytes_split(&rest, '\n'));
            has = line.len > 0 && line.data[0] != '#' && bytes_find(line, bytes_of(word)) >= 0;
        }
    buf_free(&text);
    return has;
}

static bool is_in_inetd(const char *program)
{
    glob_t found;
    bool has = is_in_file("/etc/inetd.conf", program);
    if (glob("/etc/xinetd.d/*", 0, NULL, &found) != 0)
        return has;
    for (size_t i = 0; i < found.gl_pathc; i++)
        has |= is_in_file(found.gl_pathv[i], program);
    globfree(&found);
    return has;
}

static bool is_implicit(const char *unit)
{
    return unit[strlen(unit) - 1] == 's';
}

static bool lacks_tls(const struct conf *conf)
{
    return conf->tls_cert[0] == '/' && access(conf->tls_cert, F_OK) != 0 && errno == ENOENT;
}

/* Whether systemd listens; true where it is not the one that would know. */
static bool is_active(const char *unit)
{
    char command[200];
    if (access("/run/systemd/system", F_OK) != 0)
        return true;
    snprintf(command, sizeof(command), "systemctl is-active --quiet %s.socket", unit);
    return system(command) == 0;
}

static bool check_unit(struct check *check, const char *unit)
{
    char listener[100];
    snprintf(listener, sizeof(listener), "%s-listener", unit);
    bool plain = is_enabled(unit), warm = is_enabled(listener);
    if (plain && warm)
        check_error(check,
                    "%s.socket and %s.socket are both enabled and want the same port; systemctl "
                    "disable one of both",
                    unit, listener);
    if (!plain && !warm)
        return false;
    if (is_implicit(unit) && lacks_tls(check->conf))
        check_error(check,
                    "%s.socket is enabled, but without a certificate each of its connections ends "
                    "at once; make %s and %s, or systemctl disable --now %s.socket",
                    plain ? unit : listener, check->conf->tls_cert, check->conf->tls_key,
                    plain ? unit : listener);
    else if (!is_active(plain ? unit : listener))
        check_error(check,
                    "%s.socket is enabled, but does not listen: systemctl start it, and if that "
                    "fails, systemctl status says why (another program on its port?)",
                    plain ? unit : listener);
    else
        check_ok(check, "%s.socket is enabled", plain ? unit : listener);
    return true;
}

static void check_service(struct check *check, const struct service *service)
{
    bool started = false, systemd = access("/run/systemd/system", F_OK) == 0;
    if (!is_installed(service->program)) {
        check_warning(check, "%s is not installed in " LIBEXECDIR "; make install",
                      service->program);
        return;
    }
    for (size_t i = 0; service->units[i]; i++)
        started |= check_unit(check, service->units[i]);
    if (is_in_inetd(service->program)) {
        check_ok(check, "%s is started by inetd or xinetd", service->program);
        started = true;
    }
    if (!started)
        check_warning(check, "nothing starts %s; %s%s%s", service->program,
                      systemd ? "systemctl enable --now " : "add a line for it to inetd.conf",
                      systemd ? service->program : "", systemd ? ".socket" : "");
}

static void check_lmtp_socket(struct check *check)
{
    struct stat st;
    if (stat(LMTP_SOCKET, &st) != 0)
        return;
    if (!S_ISSOCK(st.st_mode))
        check_error(check, LMTP_SOCKET " is there, but is no socket; remove it");
    else if (st.st_mode & 02)
        check_warning(check,
                      "everybody on this machine can deliver through " LMTP_SOCKET
                      " (mode %04o); give it to the MTA alone: SocketUser= in the unit",
                      st.st_mode & 07777);
    else
        check_ok(check, "LMTP socket " LMTP_SOCKET ", owner uid %u, mode %04o", (unsigned)st.st_uid,
                 st.st_mode & 07777);
}

/* Whether Postfix's lmtp client is confined to its queue directory: "lmtp unix - - y - - lmtp". */
static bool is_confined(struct bytes master)
{
    while (master.data) {
        struct bytes line = bytes_split(&master, '\n'), words[5];
        size_t count = 0;
        for (struct bytes rest = line; rest.data && count < 5;) {
            struct bytes word = bytes_trim(bytes_split(&rest, ' '));
            if (word.len > 0)
                words[count++] = word;
        }
        if (count == 5 && bytes_equal(words[0], BYTES("lmtp")))
            return bytes_equal(words[4], BYTES("y"));
    }
    return false;
}

/* Postfix's side of the socket: its owner, and a client that sees it. */
static void check_postfix(struct check *check)
{
    struct buf master = BUF_INIT(1 << 20);
    struct error err;
    struct stat st;
    const struct passwd *postfix = getpwnam("postfix");
    if (!is_in_file("/etc/postfix/main.cf", "lmtp:unix:" LMTP_SOCKET))
        return;
    if (file_read(AT_FDCWD, "/etc/postfix/master.cf", 1 << 20, &master, &err) &&
        is_confined(buf_view(&master)))
        check_error(check, "Postfix hands mail to " LMTP_SOCKET
                           ", but its lmtp client is confined to its queue directory and does not "
                           "see it; postconf -F lmtp/unix/chroot=n && postfix reload");
    buf_free(&master);
    if (stat(LMTP_SOCKET, &st) != 0)
        check_error(check, "Postfix hands mail to " LMTP_SOCKET
                           ", which is not there; systemctl enable --now lmtpd.socket");
    else if (postfix && st.st_uid != postfix->pw_uid && !(st.st_mode & 02))
        check_error(check, "Postfix hands mail to " LMTP_SOCKET
                           ", which its user postfix may not write; see lmtpd-postfix.conf among "
                           "the examples");
}

void check_programs(struct check *check)
{
    check_modules(check);
    for (size_t i = 0; i < SERVICES; i++)
        check_service(check, &services[i]);
    check_lmtp_socket(check);
    check_postfix(check);
}
