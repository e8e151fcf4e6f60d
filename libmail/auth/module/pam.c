/* Linux-PAM: authentication and account stages of one login. The delay of a failure is the
 * monitor's, not pam_unix's. */
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "auth/module_export.h"
#include "auth/pam_module.h"

extern const struct pam_module pam_module;
MODULE_EXPORT(pam);

static const struct {
    int code;
    enum auth_verdict at_auth, at_account;
} verdicts[] = {
    { PAM_SUCCESS, AUTH_OK, AUTH_OK },
    { PAM_AUTH_ERR, AUTH_WRONG, AUTH_FORBIDDEN },
    { PAM_USER_UNKNOWN, AUTH_WRONG, AUTH_WRONG },
    { PAM_MAXTRIES, AUTH_WRONG, AUTH_FORBIDDEN },
    { PAM_PERM_DENIED, AUTH_WRONG, AUTH_FORBIDDEN },
    { PAM_CRED_INSUFFICIENT, AUTH_WRONG, AUTH_FORBIDDEN },
    { PAM_ACCT_EXPIRED, AUTH_EXPIRED, AUTH_EXPIRED },
    { PAM_CRED_EXPIRED, AUTH_EXPIRED, AUTH_EXPIRED },
    { PAM_NEW_AUTHTOK_REQD, AUTH_EXPIRED, AUTH_EXPIRED },
    { PAM_AUTHTOK_EXPIRED, AUTH_EXPIRED, AUTH_EXPIRED },
};

static enum auth_verdict verdict_of(int code, bool account)
{
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
        if (verdicts[i].code == code)
            return account ? verdicts[i].at_account : verdicts[i].at_auth;
    return AUTH_TEMPORARY;
}

/* What one prompt is answered with, malloc'ed, or NULL: nothing. False: no memory, or a prompt that
 * nobody can answer. */
static bool answer(const struct pam_question *question, const struct pam_message *message,
                   char **text)
{
    *text = NULL;
    if (message->msg_style == PAM_PROMPT_ECHO_OFF)
        *text = strndup(question->password.data, question->password.len);
    else if (message->msg_style == PAM_PROMPT_ECHO_ON)
        *text = strdup(question->user);
    else
        return message->msg_style == PAM_TEXT_INFO || message->msg_style == PAM_ERROR_MSG;
    return *text != NULL;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *context)
{
    if (count <= 0 || count > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *made = calloc((size_t)count, sizeof(*made));
    if (!made)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        if (answer(context, messages[i], &made[i].resp))
            continue;
        for (int j = 0; j < i; j++)
            if (made[j].resp) {
                explicit_bzero(made[j].resp, strlen(made[j].resp));
                free(made[j].resp);
            }
        free(made);
        return PAM_CONV_ERR;
    }
    *responses = made;
    return PAM_SUCCESS;
}

static void no_delay(int result, unsigned microseconds, void *context)
{
    (void)result, (void)microseconds, (void)context;
}

static int set_items(pam_handle_t *pam, const struct pam_question *question)
{
    union {
        void (*function)(int, unsigned, void *);
        const void *item;
    } delay = { no_delay };
    int code = pam_set_item(pam, PAM_RHOST, question->address);
    if (code == PAM_SUCCESS)
        code = pam_set_item(pam, PAM_TTY, question->tty);
    if (code == PAM_SUCCESS)
        code = pam_set_item(pam, PAM_FAIL_DELAY, delay.item);
    return code;
}

static enum auth_verdict stages(pam_handle_t *pam, const struct pam_question *question, int *code,
                                const char **stage)
{
    *stage = "set up";
    *code = set_items(pam, question);
    if (*code != PAM_SUCCESS)
        return AUTH_TEMPORARY;
    *stage = "auth";
    *code = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    if (*code != PAM_SUCCESS)
        return verdict_of(*code, false);
    *stage = "account";
    *code = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    return verdict_of(*code, true);
}

static enum auth_verdict check(const struct pam_question *question, char *final, size_t size,
                               struct error *err)
{
    const struct pam_conv conversation = { converse, (void *)question };
    pam_handle_t *pam = NULL;
    const void *name = NULL;
    const char *stage = "start";
    if (memchr(question->password.data, '\0', question->password.len)) {
        error_set(err, ERROR_INVALID, "a password with a NUL octet");
        return AUTH_WRONG;
    }
    int code = pam_start(question->service, question->user, &conversation, &pam);
    enum auth_verdict verdict =
        code == PAM_SUCCESS ? stages(pam, question, &code, &stage) : AUTH_TEMPORARY;
    if (verdict != AUTH_OK)
        error_set(err, verdict == AUTH_TEMPORARY ? ERROR_TEMPORARY : ERROR_NOT_PERMITTED,
                  "PAM (service %s, %s stage): %s", question->service, stage,
                  pam_strerror(pam, code));
    else if (pam_get_item(pam, PAM_USER, &name) != PAM_SUCCESS || !name || strlen(name) >= size)
        verdict = AUTH_TEMPORARY;
    else
        snprintf(final, size, "%s", (const char *)name);
    if (pam)
        pam_end(pam, code);
    return verdict;
}

const struct pam_module pam_module = { .check = check };
