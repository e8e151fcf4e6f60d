#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "base/unicode.h"

enum { LINE_MOST = 2048, FIELDS = 16, FACILITY_MAIL = 2 << 3 };

struct field {
    char name[32];
    char value[200];
};

static struct {
    char program[32];
    enum log_target target;
    enum log_level most;
    int fd;
    size_t count;
    struct field fields[FIELDS];
} state = { .program = "postern", .target = LOG_TARGET_STDERR, .most = LOG_LEVEL_INFO, .fd = 2 };

static const int priorities[] = { 3, 4, 6, 7 }; /* of syslog(3) */
static const char *const level_names[] = { "error: ", "warning: ", "", "debug: " };
static const char *const sockets[] = {
    [LOG_TARGET_JOURNAL] = "/run/systemd/journal/socket",
    [LOG_TARGET_SYSLOG] = "/dev/log",
};

/* ---- escaping ---- */

/* What could forge or hide a part of a line: controls, line separators, changes of direction. */
static bool is_harmless(int32_t code)
{
    if (code < 0x20 || (code >= 0x7F && code < 0xA0))
        return false;
    return !(code >= 0x200B && code <= 0x200F) && !(code >= 0x2028 && code <= 0x202E) &&
           !(code >= 0x2066 && code <= 0x2069) && code != 0xFEFF;
}

const char *log_quote(char *out, size_t size, const char *data, size_t len)
{
    struct bytes text = bytes_make(data, len);
    size_t n = 0, at = 0;
    if (size == 0)
        return out;
    while (at < len) {
        size_t start = at;
        bool keep = is_harmless(utf8_next(text, &at));
        size_t octets = at - start;
        if ((keep ? octets : octets * 4) >= size - n)
            break;
        if (keep) {
            memcpy(out + n, data + start, octets);
            n += octets;
        }
        for (size_t i = start; !keep && i < at; i++)
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", (unsigned char)data[i]);
    }
    out[n] = '\0';
    return out;
}

/* ---- where lines go ---- */

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat st;
    if (!stream || fstat(2, &st) != 0)
        return false;
    snprintf(own, sizeof(own), "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    return strcmp(stream, own) == 0;
}

static enum log_target choose(void)
{
    struct stat st;
    if (stderr_is_journal())
        return LOG_TARGET_JOURNAL;
    if (isatty(2))
        return LOG_TARGET_STDERR;
    if (fstat(2, &st) == 0 && (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode)))
        return LOG_TARGET_STDERR;
    return LOG_TARGET_SYSLOG;
}

/* A logger that hangs must not hang the mail: after a second the line is dropped. */
static int connect_to(int fd, const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = 1 };
    if (fd < 0)
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    /* Where it fails now, the next line tries again. */
    (void)connect(fd, (struct sockaddr *)&address, sizeof(address));
    return fd;
}

void log_open(const char *program, enum log_target target, enum log_level most)
{
    tzset();
    if (state.fd > 2)
        close(state.fd);
    snprintf(state.program, sizeof(state.program), "%s", program);
    state.most = most;
    state.target = target == LOG_TARGET_AUTO ? choose() : target;
    state.fd = state.target == LOG_TARGET_STDERR ? 2 : connect_to(-1, sockets[state.target]);
}

int log_fd(void)
{
    return state.fd;
}

/* ---- fields ---- */

static void remove_field(size_t i)
{
    memmove(&state.fields[i], &state.fields[i + 1],
            (state.count - i - 1) * sizeof(state.fields[0]));
    state.count--;
}

void log_field(const char *name, const char *value)
{
    size_t i = 0;
    while (i < state.count && strcmp(state.fields[i].name, name) != 0)
        i++;
    if (!value && i < state.count)
        remove_field(i);
    if (!value || i == FIELDS)
        return;
    struct field *field = &state.fields[i];
    snprintf(field->name, sizeof(field->name), "%s", name);
    log_quote(field->value, sizeof(field->value), value, strlen(value));
    if (i == state.count)
        state.count++;
}

/* ---- one line ---- */

/* The text is the caller's and not cleared: most lines are short, and stack pages that are not
 * touched cost nothing. */
struct line {
    char *text;
    size_t size, len;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->len, line->size - line->len, format, args);
    va_end(args);
    size_t room = line->size - line->len - 1;
    if (n > 0)
        line->len += (size_t)n < room ? (size_t)n : room;
}

/* "MAIL_USER" becomes "user"; a value that could be taken for something else is quoted. */
static void add_plain_field(struct line *line, const struct field *field)
{
    char name[sizeof(field->name)];
    const char *from = strncmp(field->name, "MAIL_", 5) == 0 ? field->name + 5 : field->name;
    size_t n = 0;
    for (; from[n]; n++)
        name[n] = (char)(from[n] >= 'A' && from[n] <= 'Z' ? from[n] + ('a' - 'A') : from[n]);
    name[n] = '\0';
    if (field->value[0] && !strpbrk(field->value, " \"=")) {
        add(line, " %s=%s", name, field->value);
        return;
    }
    add(line, " %s=\"", name);
    for (const char *c = field->value; *c; c++)
        add(line, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    add(line, "\"");
}

/* Appends the field unless the message says it itself. */
static void add_missing_field(struct line *line, const char *message, const struct field *field)
{
    char space[sizeof(*field) * 2 + 8];
    struct line text = { space, sizeof(space), 0 };
    add_plain_field(&text, field);
    const char *at = strstr(message, text.text + 1);
    while (at && ((at > message && at[-1] != ' ') ||
                  (at[text.len - 1] && !strchr(" ,:", at[text.len - 1]))))
        at = strstr(at + 1, text.text + 1);
    if (!at)
        add(line, "%s", text.text);
}

static bool is_whose(const struct field *field)
{
    return strcmp(field->name, "MAIL_USER") == 0 || strcmp(field->name, "MAIL_SESSION") == 0;
}

/* Whose line it is stands in its text, too: that is what people read. */
static void make_journal(struct line *line, enum log_level level, const char *message)
{
    add(line, "MESSAGE=%s", message);
    for (size_t i = 0; i < state.count; i++)
        if (is_whose(&state.fields[i]))
            add_missing_field(line, message, &state.fields[i]);
    add(line, "\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%s\nSYSLOG_PID=%ld\n",
        priorities[level], FACILITY_MAIL >> 3, state.program, (long)getpid());
    for (size_t i = 0; i < state.count; i++)
        add(line, "%s=%s\n", state.fields[i].name, state.fields[i].value);
}

static void make_plain(struct line *line, enum log_level level, const char *message)
{
    char stamp[32];
    struct tm tm;
    time_t now = time(NULL);
    localtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
    if (state.target == LOG_TARGET_SYSLOG)
        add(line, "<%d>", FACILITY_MAIL | priorities[level]);
    add(line, "%s %s[%ld]: %s%s", stamp, state.program, (long)getpid(), level_names[level],
        message);
    for (size_t i = 0; i < state.count; i++)
        add_missing_field(line, message, &state.fields[i]);
    if (state.target == LOG_TARGET_STDERR)
        add(line, "\n");
}

static void send_line(const struct line *line)
{
    ssize_t n;
    if (state.target == LOG_TARGET_STDERR) {
        do
            n = write(state.fd, line->text, line->len);
        while (n < 0 && errno == EINTR);
        return;
    }
    /* Once more after a restart of the logger, as long as its socket can be reached from here. */
    for (int tries = 0; tries < 2; tries++) {
        do
            n = send(state.fd, line->text, line->len, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n >= 0 || (errno != ECONNREFUSED && errno != ENOTCONN && errno != EDESTADDRREQ))
            return;
        state.fd = connect_to(state.fd, sockets[state.target]);
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    char raw[LINE_MOST], message[LINE_MOST], text[LINE_MOST + FIELDS * 300];
    struct line line = { text, sizeof(text), 0 };
    int saved = errno;
    if (level > state.most)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof(raw), format, args);
    va_end(args);
    log_quote(message, sizeof(message), raw, strlen(raw));
    if (state.target == LOG_TARGET_JOURNAL)
        make_journal(&line, level, message);
    else
        make_plain(&line, level, message);
    send_line(&line);
    errno = saved;
}
