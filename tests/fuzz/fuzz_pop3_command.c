/* A POP3 conversation before login, over memory: everything that needs no monitor. */
#include "pop3d/pop3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *none[] = { NULL };
    static const struct conf conf = { .auth = none };
    struct login login = { .conf = &conf };
    struct error err = { 0 };
    struct buf said = BUF_INIT(1 << 22);
    struct pop3 pop3 = { .conf = &conf, .login = &login, .state = POP3_AUTHORIZATION };
    pop3.in = input_memory(bytes_make(data, size));
    pop3.out = output_buf(&said);
    pop3.user = BUF_INIT(ACCOUNT_NAME_MAX);
    pop3_converse(&pop3, &err);
    pop3_resume_read(&pop3, bytes_make(data, size));
    input_close(&pop3.in);
    output_close(&pop3.out);
    buf_free(&pop3.user);
    buf_free(&said);
    return 0;
}
