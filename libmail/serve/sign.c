/* The handshake's signature: the private key is opened by a worker that signs once and is gone.
 * Nothing is ever decrypted with it. */
#include <fcntl.h>
#include <limits.h>
#include "base/file.h"
#include "serve/privsep.h"
#include "serve/sandbox.h"
#include "serve/tls_file.h"
#include "serve/tls_module.h"
#include "serve/worker.h"

#define SIGN_KEY_MAX 65536
#define SIGN_DATA_MAX 4000 /* the signed parameters of TLS 1.2 and 1.3 are far below */
#define SIGN_PATIENCE 20000

struct sign_answer {
    bool read_it, signed_it;
    unsigned len;
    struct error error;
    char signature[1024]; /* RSA with 8192 bits */
};

#define ANSWER_HEAD offsetof(struct sign_answer, signature)

struct sign_task {
    const struct conf *conf;
    int fd; /* the request waits here */
};

static bool sign_request(int fd, struct bytes key, bool *read_it, struct buf *signature,
                         struct error *err)
{
    struct buf payload = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    unsigned type;
    uint32_t algorithm;
    struct bytes data, rest;
    if (privsep_receive(fd, NULL, 0, &type, &payload, NULL, err) <= 0)
        return error_prefix(err, "request for a signature: ");
    *read_it = true;
    rest = buf_view(&payload);
    if (!field_get_number(&rest, &algorithm) || !field_get(&rest, SIGN_DATA_MAX, &data) ||
        !fields_end(rest))
        return error_set(err, ERROR_INVALID, "a malformed request for a signature");
    return tls_functions(err)->sign(key, algorithm, data, signature, err);
}

static bool sign_alone(const struct sign_task *task, int pipe, bool *read_it, struct buf *signature,
                       struct error *err)
{
    char path[PATH_MAX];
    struct buf key = BUF_INIT(SIGN_KEY_MAX);
    const int keep[] = { task->fd, pipe };
    bool good = tls_path(task->conf->tls_key, path, sizeof(path), err) && tls_functions(err) &&
                file_read(AT_FDCWD, path, SIGN_KEY_MAX, &key, err) &&
                sandbox_enter(SANDBOX_LOGIN, task->conf, keep, 2, err) &&
                (sign_request(task->fd, buf_view(&key), read_it, signature, err) ||
                 error_prefix(err, "%s: ", path));
    buf_wipe(&key);
    return good;
}

static size_t sign_work(void *context, int pipe, void *into)
{
    struct sign_answer *answer = into;
    memset(answer, 0, ANSWER_HEAD);
    struct buf signature = BUF_INIT(sizeof(answer->signature));
    answer->signed_it = sign_alone(context, pipe, &answer->read_it, &signature, &answer->error);
    answer->len = (unsigned)signature.len;
    if (signature.len > 0)
        memcpy(answer->signature, signature.data, signature.len);
    return ANSWER_HEAD + answer->len;
}

bool privsep_answer_sign(const struct conf *conf, int fd, struct error *err)
{
    struct sign_answer answer = { .read_it = false };
    struct sign_task task = { conf, fd };
    struct worker_answer sent = { &answer, ANSWER_HEAD, sizeof(answer), 0 };
    bool good = worker_run(sign_work, &task, &sent, fd, SIGN_PATIENCE, err);
    if (!good || !answer.read_it)
        privsep_discard(fd);
    if (good && !answer.signed_it) {
        good = false;
        if (err)
            *err = answer.error;
    }
    if (good && answer.len != sent.got - ANSWER_HEAD)
        good = error_set(err, ERROR_CORRUPT, "the worker's signature is torn");
    struct bytes signature = good ? bytes_make(answer.signature, answer.len) : bytes_make(NULL, 0);
    return privsep_send(fd, PRIVSEP_SIGNED, signature, -1, good ? err : NULL) && good;
}

bool privsep_sign(void *fd, unsigned algorithm, struct bytes data, struct buf *signature,
                  struct error *err)
{
    struct buf message = BUF_INIT(PRIVSEP_MESSAGE_MAX);
    unsigned type = 0;
    field_put_number(&message, algorithm);
    field_put(&message, data);
    bool good =
        !buf_failed(&message) &&
        privsep_send(*(int *)fd, PRIVSEP_SIGN, buf_view(&message), -1, err) &&
        privsep_receive(*(int *)fd, NULL, SIGN_PATIENCE + 5000, &type, &message, NULL, err) > 0 &&
        type == PRIVSEP_SIGNED && message.len > 0;
    if (good)
        buf_bytes(signature, buf_view(&message));
    else
        error_set(err, ERROR_UNAVAILABLE, "the handshake could not be signed; the log says why");
    buf_free(&message);
    return good;
}
