/* Carrying out what somebody at the page has asked for: a request to the balancer or to a mock, a deed of the
 * balancer's parent, some writes, or all that it takes to heal the stack.
 *
 * How it fails: with the words of whoever refused, and with the status it did it with; what does not answer
 * is a 502. Healing does all of its parts whatever becomes of one, and tells of each that failed. */
#include "harness/console/internal.h"

#include "base/units.h"
#include "harness/real/control.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ACT_LEASE_NS    (6 * NS_PER_S) /* of the machine's time: some looks may fail in between */
#define ACT_PATIENCE_S  40 /* for the balancer's parent: a stop, and a start, have bounds of their own */
#define ACT_COLLECTION  "waldrill_console"
#define ACT_COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define ACT_ID          80
#define ACT_DONE        200U
#define ACT_NO_ANSWER   502U

uint64_t act_lease_ns(const struct console *c)
{
    return (uint64_t)((double)ACT_LEASE_NS * c->setup.time_scale);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static unsigned act_send(const struct control_request *request, struct buf *out, struct errmsg *msg)
{
    long status = 0;
    int rv = control_send(request, out, &status, msg);
    if (rv == 0) {
        return ACT_DONE;
    }
    return status >= 400 && status < 500 ? (unsigned)status : ACT_NO_ANSWER;
}

static unsigned act_balancer(struct console *c, const char *method, const char *path, struct str body,
                             struct buf *out, struct errmsg *msg)
{
    const struct control_request request = { .base_url = c->setup.urls[TARGET_LB],
                                             .method = method,
                                             .path = path,
                                             .token = c->setup.token,
                                             .body = body };
    return act_send(&request, out, msg);
}

static unsigned act_mock(struct console *c, unsigned instance, const char *method, const char *path,
                         struct str body, struct buf *out, struct errmsg *msg)
{
    const struct control_request request = {
        .base_url = c->setup.controls[instance], .method = method, .path = path, .body = body
    };
    return act_send(&request, out, msg);
}

unsigned act_look(struct console *c, const char *path, struct buf *out, struct errmsg *msg)
{
    return act_balancer(c, "GET", path, STR(""), out, msg);
}

/* The answer names the fault; from now on its lease is renewed (watch.c). */
static void act_hold(struct console *c, unsigned instance, struct buf *answer)
{
    json_t *root = json_loads(buf_text(answer), 0, NULL);
    json_int_t id = json_integer_value(json_object_get(root, "id"));
    json_decref(root);
    (void)pthread_mutex_lock(&c->lock);
    if (id > 0 && c->held_count < CONSOLE_HELD) {
        c->held[c->held_count++] = (struct console_fault){ instance, (uint64_t)id };
    }
    (void)pthread_mutex_unlock(&c->lock);
}

/* --- the balancer's process ----------------------------------------------------------------------------- */

/* Until the wish is in this state; false: it took too long. */
static bool act_await(struct console *c, enum wish_state state)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ACT_PATIENCE_S;
    while (c->wish.state != state && !c->stopping) {
        if (pthread_cond_timedwait(&c->wished, &c->lock, &until) == ETIMEDOUT) {
            return false;
        }
    }
    return c->wish.state == state;
}

static unsigned act_process(struct console *c, enum console_deed deed, struct errmsg *msg)
{
    unsigned status = ACT_NO_ANSWER;
    (void)pthread_mutex_lock(&c->lock);
    (void)error_set(msg, ERR_TIMEOUT, "the balancer's process is not attended to");
    if (act_await(c, WISH_NONE)) { /* one at a time */
        c->wish = (struct console_wish){ .state = WISH_ASKED, .deed = deed };
        if (act_await(c, WISH_DONE)) {
            *msg = c->wish.msg;
            status = c->wish.rv == 0 ? ACT_DONE : ACT_NO_ANSWER;
        }
        c->wish.state = WISH_NONE;
        (void)pthread_cond_broadcast(&c->wished);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return status;
}

/* --- writes --------------------------------------------------------------------------------------------- */

static unsigned act_collection(struct console *c, char *id, size_t size, struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, CONSOLE_DOCUMENT);
    unsigned status =
        act_balancer(c, "POST", ACT_COLLECTIONS,
                     STR("{\"name\":\"" ACT_COLLECTION "\",\"get_or_create\":true}"), &answer, msg);
    json_t *root = json_loads(buf_text(&answer), 0, NULL);
    const char *text = json_string_value(json_object_get(root, "id"));
    (void)snprintf(id, size, "%s", text == NULL ? "" : text);
    if (status == ACT_DONE && text == NULL) {
        (void)error_set(msg, ERR_SYNTAX, "the collection that was made has no id");
        status = ACT_NO_ANSWER;
    }
    json_decref(root);
    buf_deinit(&answer);
    return status;
}

static unsigned act_write_one(struct console *c, const char *path, uint64_t number, struct errmsg *msg)
{
    char body[128];
    struct buf answer;
    int size = snprintf(body, sizeof(body), "{\"ids\":[\"console-%llu\"],\"embeddings\":[[%llu,1,2]]}",
                        (unsigned long long)number, (unsigned long long)number);
    buf_init(&answer, CONSOLE_DOCUMENT);
    unsigned status = act_balancer(c, "POST", path, str_make(body, (size_t)size), &answer, msg);
    buf_deinit(&answer);
    return status;
}

/* Ends with the first that is not taken. */
static unsigned act_write(struct console *c, uint64_t count, struct buf *out, struct errmsg *msg)
{
    char id[ACT_ID];
    char path[ORDER_PATH + ACT_ID];
    uint64_t taken = 0;
    unsigned status = act_collection(c, id, sizeof(id), msg);
    (void)snprintf(path, sizeof(path), ACT_COLLECTIONS "/%s/upsert", id);
    while (status == ACT_DONE && taken < count) {
        (void)pthread_mutex_lock(&c->lock);
        uint64_t number = ++c->written;
        (void)pthread_mutex_unlock(&c->lock);
        status = act_write_one(c, path, number, msg);
        taken += status == ACT_DONE ? 1 : 0;
    }
    if (status != ACT_DONE) {
        (void)error_wrap(msg, ERR_IO, "%llu of %llu writes were taken", (unsigned long long)taken,
                         (unsigned long long)count);
    } else {
        buf_printf(out, "{\"taken\":%llu}", (unsigned long long)taken);
    }
    return status;
}

/* --- the red button ------------------------------------------------------------------------------------- */

static bool act_is_dead(struct console *c, unsigned instance)
{
    struct buf answer;
    buf_init(&answer, CONSOLE_DOCUMENT);
    (void)act_mock(c, instance, "GET", "/status", STR(""), &answer, NULL);
    json_t *root = json_loads(buf_text(&answer), 0, NULL);
    bool dead = json_is_true(json_object_get(root, "dead"));
    json_decref(root);
    buf_deinit(&answer);
    return dead;
}

static void act_note(unsigned status, const struct errmsg *msg, struct buf *failed)
{
    if (status != ACT_DONE) {
        buf_printf(failed, "%s%s", failed->size == 0 ? "" : "; ", msg->text);
    }
}

static unsigned act_heal(struct console *c, struct errmsg *msg)
{
    static const char *const orders[] = { "/admin/replay/resume", "/admin/replay/throttle?rate=0",
                                          "/admin/instances/primary/force?state=auto",
                                          "/admin/instances/replica/force?state=auto" };
    struct errmsg one = { "" };
    struct buf answer;
    struct buf failed;
    buf_init(&answer, CONSOLE_DOCUMENT);
    buf_init(&failed, sizeof(msg->text));
    for (unsigned i = 0; i < 2; i++) {
        act_note(act_mock(c, i, "DELETE", "/faults", STR(""), &answer, &one), &one, &failed);
        if (act_is_dead(c, i)) {
            act_note(act_mock(c, i, "POST", "/restart", STR("{\"data\":\"keep\"}"), &answer, &one), &one,
                     &failed);
        }
    }
    unsigned started = act_process(c, CONSOLE_START, &one);
    act_note(started, &one, &failed);
    for (size_t i = 0; started == ACT_DONE && i < sizeof(orders) / sizeof(orders[0]); i++) {
        act_note(act_balancer(c, "POST", orders[i], STR(""), &answer, &one), &one, &failed);
    }
    unsigned status = failed.size == 0 && !failed.failed ? ACT_DONE : ACT_NO_ANSWER;
    if (status != ACT_DONE) {
        (void)error_set(msg, ERR_IO, "not all is healed: %s", buf_text(&failed));
    }
    buf_deinit(&failed);
    buf_deinit(&answer);
    return status;
}

/* --- any of them ---------------------------------------------------------------------------------------- */

unsigned act_do(struct console *c, const struct order *order, struct buf *out, struct errmsg *msg)
{
    unsigned instance = order->to == ORDER_REPLICA ? 1 : 0;
    unsigned status = ACT_NO_ANSWER;
    switch (order->to) {
        case ORDER_BALANCER:
            return act_balancer(c, order->method, order->path, buf_str(&order->body), out, msg);
        case ORDER_PRIMARY:
        case ORDER_REPLICA:
            status = act_mock(c, instance, order->method, order->path, buf_str(&order->body), out, msg);
            if (status == ACT_DONE && order->is_fault) {
                act_hold(c, instance, out);
            }
            return status;
        case ORDER_PROCESS:
            return act_process(c, order->deed, msg);
        case ORDER_WRITE:
            return act_write(c, order->count, out, msg);
        case ORDER_HEAL:
            return act_heal(c, msg);
    }
    return status;
}
