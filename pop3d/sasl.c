/* AUTH [mechanism [initial-response]] (RFC 5034, 4): base64 both ways, "*" cancels, "=" is an empty
 * initial response. Without an argument, the mechanisms are listed as old clients expect it. */
#include "pop3d/pop3.h"

#include "base/base64.h"
#include "base/dialogue.h"

struct exchange {
    struct pop3 *pop3;
    struct buf *encoded;
    bool cancelled, malformed, gone;
};

/* login_more: sends a challenge, reads the answer. */
static bool more(void *context, struct bytes challenge, struct buf *answer)
{
    struct exchange *exchange = context;
    struct pop3 *pop3 = exchange->pop3;
    struct error err = { 0 };
    struct bytes line;
    buf_clear(exchange->encoded);
    base64_encode(challenge, exchange->encoded);
    output_string(pop3->out, "+ ");
    output_bytes(pop3->out, buf_view(exchange->encoded));
    output_string(pop3->out, "\r\n");
    if (dialogue_line(pop3->in, pop3->out, POP3_SASL_MAX, &line, &err) <= 0) {
        exchange->gone = true;
        return false;
    }
    if (bytes_equal(line, BYTES("*"))) {
        exchange->cancelled = true;
        return false;
    }
    if (!base64_decode(line, answer)) {
        exchange->malformed = true;
        return false;
    }
    return true;
}

static void list_mechanisms(struct pop3 *pop3)
{
    struct bytes rest = bytes_of(login_mechanisms(pop3->login));
    pop3_ok(pop3, "Mechanisms follow");
    while (rest.len > 0) {
        struct bytes name = bytes_split(&rest, ' ');
        output_bytes(pop3->out, name);
        output_string(pop3->out, "\r\n");
    }
    output_string(pop3->out, ".\r\n");
}

static bool is_offered(const struct pop3 *pop3, struct bytes mechanism)
{
    struct bytes rest = bytes_of(login_mechanisms(pop3->login));
    while (rest.len > 0)
        if (bytes_equal_nocase(bytes_split(&rest, ' '), mechanism))
            return true;
    return false;
}

static void answer(struct pop3 *pop3, const struct exchange *exchange, enum auth_verdict verdict,
                   bool last)
{
    if (verdict == AUTH_OK || exchange->gone)
        pop3->end = true;
    else if (exchange->cancelled && !last)
        pop3_err(pop3, "", "Authentication cancelled");
    else if (exchange->malformed && !last)
        pop3_err(pop3, "", "That is not base64");
    else
        pop3_refuse(pop3, verdict, last);
}

static void run(struct pop3 *pop3, struct bytes mechanism, struct bytes initial)
{
    struct buf encoded = BUF_INIT(POP3_SASL_MAX);
    struct exchange exchange = { .pop3 = pop3, .encoded = &encoded };
    char resume[512];
    bool last = false;
    size_t len = pop3_resume_write(pop3, resume, sizeof(resume));
    enum auth_verdict verdict = login_sasl(pop3->login, mechanism, initial, more, &exchange,
                                           bytes_make(resume, len), &last);
    answer(pop3, &exchange, verdict, last);
    buf_free(&encoded);
}

void pop3_auth(struct pop3 *pop3, struct bytes argument)
{
    char name[32];
    if (argument.len == 0) {
        list_mechanisms(pop3);
        return;
    }
    struct bytes initial = argument;
    struct bytes mechanism = bytes_split(&initial, ' ');
    if (mechanism.len > sizeof(name) || !is_offered(pop3, mechanism)) {
        pop3_err(pop3, "", "That mechanism is not available");
        return;
    }
    /* The line goes when the next one is read. */
    memcpy(name, mechanism.data, mechanism.len);
    mechanism.data = name;
    struct buf decoded = BUF_INIT(POP3_SASL_MAX);
    if (bytes_equal(initial, BYTES("=")))
        run(pop3, mechanism, BYTES(""));
    else if (initial.len > 0 && !base64_decode(initial, &decoded))
        pop3_err(pop3, "", "That is not base64");
    else
        run(pop3, mechanism,
            initial.len > 0 ? bytes_make(decoded.data, decoded.len) : bytes_make(NULL, 0));
    buf_wipe(&decoded);
}
