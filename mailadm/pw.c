/* mailadm pw [-s SCHEME] [-t HASH]: a hash for the password file. The password comes from the
 * terminal without echo, or from standard input's first line; never from the command line, which
 * every user can read. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "auth/auth.h"
#include "auth/password.h"
#include "mailadm/mailadm.h"

#define PASSWORD_MAX 1024

/* A line without its end. False at the end of input, or when it is too long. */
static bool read_line(struct buf *out)
{
    char c;
    ssize_t n;
    while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
        buf_byte(out, c);
    if (out->len > 0 && out->data[out->len - 1] == '\r')
        out->len--;
    return (n == 1 || out->len > 0) && !buf_failed(out);
}

static bool ask(const char *prompt, struct buf *out)
{
    struct termios before, silent;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (!terminal)
        return read_line(out);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    fputs(prompt, stderr);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    bool good = read_line(out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return good;
}

static int make(const char *scheme, struct bytes password)
{
    struct buf again = BUF_INIT(PASSWORD_MAX), hash = BUF_INIT(4096);
    struct error err;
    int status = 1;
    if (isatty(STDIN_FILENO) &&
        (!ask("The same password again: ", &again) || !bytes_equal(buf_view(&again), password)))
        fputs("mailadm: the two passwords differ\n", stderr);
    else if (!auth_hash(scheme, password, &hash, &err))
        fprintf(stderr, "mailadm: %s\n", err.text);
    else
        status = puts(buf_cstr(&hash)) < 0;
    buf_wipe(&again);
    buf_wipe(&hash);
    return status;
}

static int test(const struct conf *conf, const char *hash, struct bytes password)
{
    struct error err;
    bool match = false;
    if (!password_verify(bytes_of(hash), conf->auth_default_scheme, password, &match, &err)) {
        fprintf(stderr, "mailadm: %s\n", err.text);
        return 2;
    }
    puts(match ? "this is the password" : "this is not the password");
    return match ? 0 : 1;
}

int command_pw(struct conf *conf, int argc, char **argv)
{
    const char *scheme = "", *hash = NULL;
    struct buf password = BUF_INIT(PASSWORD_MAX);
    int option;
    while ((option = getopt(argc, argv, "+s:t:")) != -1) {
        if (option == 's')
            scheme = optarg;
        else if (option == 't')
            hash = optarg;
        else
            return usage("pw", "see mailadm(8)");
    }
    if (optind < argc)
        return usage("pw", "the password is not an argument: everybody could read it there");
    int status = 1;
    if (!ask("Password: ", &password))
        fputs("mailadm: no password given\n", stderr);
    else if (memchr(password.data ? password.data : "", '\0', password.len))
        fputs("mailadm: a password cannot have a NUL octet\n", stderr);
    else
        status = hash ? test(conf, hash, buf_view(&password)) : make(scheme, buf_view(&password));
    buf_wipe(&password);
    return status;
}
