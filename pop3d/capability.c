/* CAPA, RFC 2449, 5: what is there, in both states alike where the RFC asks for it. */
#include "pop3d/pop3.h"

#include <stdio.h>

#include "base/log.h"

/* RFC 2449, 6.7: NEVER is a promise; where INBOX is thinned out by age nothing is said. */
static bool never_expires(const struct conf *conf)
{
    for (size_t i = 0; i < conf->mailboxes_count; i++)
        if (bytes_equal_nocase(bytes_of(conf->mailboxes[i].name), BYTES("INBOX")) &&
            conf->mailboxes[i].autoexpunge > 0)
            return false;
    return true;
}

/* "U" when USER may be used, else "-", then the SASL mechanisms. */
void pop3_methods(const struct pop3 *pop3, char *out, size_t size)
{
    if (pop3->login)
        snprintf(out, size, "%c%s", pop3->login->plaintext_ok ? 'U' : '-',
                 login_mechanisms(pop3->login));
    else
        snprintf(out, size, "%s", pop3->methods);
}

void pop3_capa(struct pop3 *pop3, struct bytes argument)
{
    char methods[sizeof(pop3->methods)];
    (void)argument;
    pop3_methods(pop3, methods, sizeof(methods));
    pop3_ok(pop3, "Capability list follows");
    output_string(pop3->out, "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
    if (methods[0] == 'U')
        output_string(pop3->out, "USER\r\n");
    if (methods[0] && methods[1])
        output_printf(pop3->out, "SASL %s\r\n", methods + 1);
    /* RFC 2595, 4: STLS is shown only where it may be given. */
    if (pop3->login && pop3->login->tls_possible && !pop3->utf8)
        output_string(pop3->out, "STLS\r\n");
    if (never_expires(pop3->conf))
        output_string(pop3->out, "EXPIRE NEVER\r\n");
    output_string(pop3->out, "UTF8\r\nLANG\r\nIMPLEMENTATION Postern\r\n.\r\n");
}
