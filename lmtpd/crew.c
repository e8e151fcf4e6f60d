#include "lmtpd/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wait.h"
#include "lmtpd/wire.h"

enum { ADDRESS_MAX = 1024 };

bool crew_open(struct crew *crew, size_t most, struct error *err)
{
    *crew = (struct crew){ .hands = calloc(most, sizeof(*crew->hands)), .most = most };
    return crew->hands || error_memory(err);
}

void crew_free(struct crew *crew)
{
    crew_dismiss_all(crew);
    for (size_t i = 0; i < crew->used; i++) {
        buf_free(&crew->hands[i].address);
        buf_free(&crew->hands[i].packed);
    }
    free(crew->hands);
    crew->hands = NULL;
}

void crew_dismiss(struct hand *hand)
{
    if (hand->control >= 0)
        close(hand->control);
    hand->control = -1;
}

void crew_dismiss_all(struct crew *crew)
{
    for (size_t i = 0; i < crew->used; i++)
        if (crew->hands[i].pid)
            crew_dismiss(&crew->hands[i]);
}

bool crew_reaped(struct crew *crew, pid_t pid)
{
    for (size_t i = 0; i < crew->used; i++)
        if (crew->hands[i].pid == pid) {
            crew_dismiss(&crew->hands[i]);
            crew->hands[i].pid = 0;
            crew->alive--;
            return true;
        }
    return false;
}

/* ---- who is free ---- */

/* A worker says LMTP_IDLE when its message is done, before its answer can lead to the next one. It
 * has no other word for us, and its end shows here, too. */
static void listen_to(struct hand *hand)
{
    uint32_t word;
    ssize_t n = recv(hand->control, &word, sizeof(word), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n != sizeof(word) || word != LMTP_IDLE || !hand->busy || hand->messages >= CREW_MESSAGES) {
        crew_dismiss(hand);
        return;
    }
    hand->busy = false;
    hand->idle = wait_clock();
}

static bool is_free(struct hand *hand)
{
    if (!hand->pid || hand->control < 0)
        return false;
    listen_to(hand);
    return hand->control >= 0 && !hand->busy;
}

struct hand *crew_same(struct crew *crew, struct bytes address)
{
    for (size_t i = 0; i < crew->used; i++) {
        struct hand *hand = &crew->hands[i];
        if (hand->pid && bytes_equal(buf_view(&hand->address), address) && is_free(hand) &&
            wait_clock() - hand->found < CREW_KNOWN)
            return hand;
    }
    return NULL;
}

static bool is_he(const struct hand *hand, const struct found *found)
{
    return bytes_equal(buf_view(&hand->packed), buf_view(&found->packed));
}

static bool alone(const struct account *account)
{
    return account->system_user || account->settings_count > 0;
}

static bool may_become(const struct hand *hand, const struct account *account)
{
    return !hand->alone && !alone(account) && hand->uid == account->uid &&
           hand->gid == account->gid;
}

struct hand *crew_fit(struct crew *crew, const struct found *found)
{
    struct hand *fit = NULL;
    for (size_t i = 0; i < crew->used; i++) {
        struct hand *hand = &crew->hands[i];
        if (!is_free(hand))
            continue;
        if (is_he(hand, found))
            return hand;
        if (may_become(hand, &found->account) && (!fit || hand->idle < fit->idle))
            fit = hand;
    }
    return fit;
}

struct hand *crew_place(struct crew *crew)
{
    struct hand *place = NULL, *oldest = NULL;
    for (size_t i = 0; i < crew->used && !place; i++) {
        struct hand *hand = &crew->hands[i];
        if (!hand->pid)
            place = hand;
        else if (is_free(hand) && (!oldest || hand->idle < oldest->idle))
            oldest = hand;
    }
    if (!place && crew->used < crew->most)
        place = &crew->hands[crew->used++];
    if (!place && oldest)
        crew_dismiss(oldest);
    return place;
}

/* ---- work ---- */

void crew_start(struct crew *crew, struct hand *hand, pid_t pid, int control)
{
    buf_free(&hand->address);
    buf_free(&hand->packed);
    *hand = (struct hand){ .pid = pid,
                           .control = control,
                           .address = BUF_INIT(ADDRESS_MAX),
                           .packed = BUF_INIT(ACCOUNT_PACKED_MAX) };
    crew->alive++;
}

void crew_order(const struct hand *hand, const struct found *found, struct buf *order)
{
    struct bytes rest = found ? found->address : buf_view(&hand->address), local = BYTES("");
    field_get(&rest, ADDRESS_MAX, &local);
    field_put(order, bytes_skip(local, local.len - (found ? found->detail : hand->detail)));
    field_put(order, !found || is_he(hand, found) ? BYTES("") : buf_view(&found->packed));
}

void crew_busy(struct hand *hand, const struct found *found)
{
    hand->busy = true;
    hand->messages++;
    if (!found)
        return;
    buf_clear(&hand->address);
    buf_bytes(&hand->address, found->address);
    buf_clear(&hand->packed);
    buf_bytes(&hand->packed, buf_view(&found->packed));
    memcpy(hand->name, found->account.name, sizeof(hand->name));
    hand->uid = found->account.uid;
    hand->gid = found->account.gid;
    hand->alone = alone(&found->account);
    hand->detail = found->detail;
    hand->found = found->when;
    if (buf_failed(&hand->address) || buf_failed(&hand->packed))
        hand->messages = CREW_MESSAGES; /* who it is was not remembered: this is its last */
}

bool crew_tidy(struct crew *crew)
{
    int64_t now = wait_clock();
    for (size_t i = 0; i < crew->used; i++)
        if (is_free(&crew->hands[i]) && now - crew->hands[i].idle >= CREW_IDLE)
            crew_dismiss(&crew->hands[i]);
    return crew->alive == 0;
}
