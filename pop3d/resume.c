/* What the session must know of the time before the login: "8" or "-" for UTF8 mode, then what CAPA said. */
#include "pop3d/pop3.h"

#include <stdio.h>

size_t pop3_resume_write(const struct pop3 *pop3, char *out, size_t size)
{
    char methods[sizeof(pop3->methods)];
    pop3_methods(pop3, methods, sizeof(methods));
    int len = snprintf(out, size, "%c%s", pop3->utf8 ? '8' : '-', methods);
    return len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
}

bool pop3_resume_read(struct pop3 *pop3, struct bytes resume)
{
    if (resume.len < 2 || resume.len - 1 >= sizeof(pop3->methods))
        return false;
    pop3->utf8 = resume.data[0] == '8';
    memcpy(pop3->methods, resume.data + 1, resume.len - 1);
    pop3->methods[resume.len - 1] = '\0';
    return true;
}
