/* The engine `leap`: the real libmicrohttpd, libcurl and sockets of walproxy and two mocks, one thread, and a
 * clock that leaps whenever everything is idle.
 *
 * One turn gives each of clients, balancer and instances what its sockets have brought and what is due.  When
 * a whole turn found nothing to do, and the balancer has nothing to write to its log, the world is idle:
 * nothing can happen before the next deadline, and the clock goes there.  That nothing is under way between
 * two sockets is certain twice over: on Unix sockets bytes are with the peer as soon as they have been sent;
 * and requests sent to the instances must equal those that they hold.  If they do not, the kernel gets real
 * time, a millisecond each, to deliver what it has; when it never does, the run ends as broken.
 *
 * The clock stands still while there is work, but each turn that had some counts as LEAP_TURN_NS, so that
 * what happened later has a later time and nothing can spin at one instant.  It is on only inside of the
 * engine: the runner's own time is real.
 *
 * How it fails: libraries that do not follow the clock, a server that does not start, requests that nobody
 * holds: with words. */
#include "harness/engine.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/leap/clock.h"
#include "harness/leap/journal.h"
#include "harness/leap/lb.h"
#include "harness/leap/mocks.h"
#include "harness/leap/selftest.h"
#include "harness/real/requests.h"
#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/queue.h>

#define LEAP_TURN_NS      (10 * NS_PER_US)
#define LEAP_READY_NS     (60 * NS_PER_S)
#define LEAP_ASK_EVERY_NS (20 * NS_PER_MS)
#define LEAP_KERNEL_TRIES                                                            \
    2000 /* of a millisecond: as long as bytes may be under way inside of the kernel \
          */

struct leap_direct;

struct leap_engine {
    struct engine engine;
    struct leap_place place;
    struct requests *requests;
    struct leap_mocks *mocks;
    struct leap_lb *lb;
    uint64_t origin_ns; /* the clock at scenario time 0 */
    LIST_HEAD(, leap_direct) direct;
    size_t direct_count;
    unsigned kernel_tries; /* since all requests were accounted for */
    struct history *history;
    char hash[DIGEST_TEXT_SIZE + 1];
    bool ready; /* while opening */
};

/* A request of a client to an instance, counted while it is open. */
struct leap_direct {
    LIST_ENTRY(leap_direct) entry;
    struct leap_engine *owner;
    engine_answer_cb *cb;
    void *context;
};

static struct leap_engine *leap_of(struct engine *e)
{
    return (struct leap_engine *)(void *)e;
}

static uint64_t leap_now(struct engine *e)
{
    return leap_clock_ns() - leap_of(e)->origin_ns;
}

static uint64_t leap_now_cb(void *context)
{
    return leap_now(context);
}

/* ---- turning, and leaping ---- */

static int leap_turn(struct leap_engine *l, bool *any, struct errmsg *msg)
{
    bool lb = false;
    int rv = requests_turn(l->requests, 0, msg);
    rv = rv != 0 || l->lb == NULL ? rv : leap_lb_turn(l->lb, &lb, msg);
    bool instances = leap_mocks_turn(l->mocks);
    *any = requests_worked(l->requests) || lb || instances || (l->lb != NULL && leap_lb_work(l->lb));
    return rv;
}

/* Whether every request to an instance is with that instance. */
static int leap_settled(struct leap_engine *l, bool *settled, struct errmsg *msg)
{
    size_t sent = 0;
    bool counts = l->lb == NULL || leap_lb_calls(l->lb, &sent);
    size_t held = leap_mocks_held(l->mocks);
    sent += l->direct_count;
    *settled = !counts || sent == held;
    if (*settled) {
        l->kernel_tries = 0;
        return 0;
    }
    if (++l->kernel_tries > LEAP_KERNEL_TRIES) {
        return error_set(msg, ERR_STATE,
                         "at %llu ms %zu requests to the instances are under way, but the instances hold %zu",
                         (unsigned long long)(leap_now(&l->engine) / NS_PER_MS), sent, held);
    }
    (void)poll(NULL, 0, 1);
    return 0;
}

static uint64_t leap_next(struct leap_engine *l, uint64_t until_ns)
{
    uint64_t next[] = { requests_deadline(l->requests), leap_mocks_deadline(l->mocks),
                        l->lb == NULL ? UINT64_MAX : leap_lb_deadline(l->lb) };
    for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
        until_ns = next[i] < until_ns ? next[i] : until_ns;
    }
    return until_ns;
}

/* until_ns: of the clock. */
static int leap_run(struct leap_engine *l, uint64_t until_ns, struct errmsg *msg)
{
    int rv = 0;
    while (rv == 0 && leap_clock_ns() < until_ns) {
        bool any = false;
        bool settled = false;
        rv = leap_turn(l, &any, msg);
        if (rv != 0) {
            break;
        }
        if (any) {
            leap_clock_to(leap_clock_ns() + LEAP_TURN_NS);
            continue;
        }
        rv = leap_settled(l, &settled, msg);
        if (rv == 0 && settled) {
            leap_clock_to(leap_next(l, until_ns));
        }
    }
    return rv;
}

static int leap_advance(struct engine *e, uint64_t until_ns, struct errmsg *msg)
{
    struct leap_engine *l = leap_of(e);
    (void)leap_clock_switch(true);
    int rv = leap_run(l, l->origin_ns + until_ns, msg);
    (void)leap_clock_switch(false);
    return rv;
}

/* ---- requests ---- */

static const char *leap_base_url(struct engine *e, enum engine_target target)
{
    static const char *const urls[3] = { [TARGET_LB] = "http://lb.leap",
                                         [TARGET_PRIMARY] = "http://primary.leap",
                                         [TARGET_REPLICA] = "http://replica.leap" };
    (void)e;
    return urls[target];
}

static void leap_direct_free(struct leap_direct *direct)
{
    LIST_REMOVE(direct, entry);
    direct->owner->direct_count--;
    mem_free(direct);
}

static void leap_direct_over(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct leap_direct *direct = context;
    engine_answer_cb *cb = direct->cb;
    void *of_cb = direct->context;
    leap_direct_free(direct);
    cb(of_cb, tag, answer);
}

static int leap_send(struct leap_engine *l, const struct engine_request *request, uint64_t tag,
                     engine_answer_cb *cb, void *context, struct errmsg *msg)
{
    uint64_t timeout_ms = (request->timeout_ns + NS_PER_MS - 1) / NS_PER_MS;
    struct leap_direct *direct = NULL;
    if (request->target != TARGET_LB) {
        direct = mem_alloc(sizeof(*direct));
        *direct = (struct leap_direct){ .owner = l, .cb = cb, .context = context };
        LIST_INSERT_HEAD(&l->direct, direct, entry);
        l->direct_count++;
        cb = leap_direct_over;
        context = direct;
    }
    int rv =
        requests_send(l->requests, leap_base_url(&l->engine, request->target),
                      l->place.sockets[request->target], request, (long)timeout_ms, tag, cb, context, msg);
    if (rv != 0 && direct != NULL) {
        leap_direct_free(direct);
    }
    return rv;
}

/* From the runner, or from inside of one of its callbacks: then the clock is on already. */
static int leap_request(struct engine *e, const struct engine_request *request, uint64_t tag,
                        engine_answer_cb *cb, void *context, struct errmsg *msg)
{
    struct leap_engine *l = leap_of(e);
    if (request->target != TARGET_LB && !leap_mocks_has(l->mocks, request->target)) {
        return error_set(msg, ERR_NOT_FOUND, "there is no replica");
    }
    bool was = leap_clock_switch(true);
    int rv = leap_send(l, request, tag, cb, context, msg);
    (void)leap_clock_switch(was);
    return rv;
}

/* ---- open ---- */

/* What is somebody else's program has a clock of its own. */
static int leap_supports(struct engine *e, const struct engine_setup *setup, struct errmsg *msg)
{
    (void)e;
    if (setup->real_chroma[0] || setup->real_chroma[1]) {
        return error_set(msg, ERR_UNSUPPORTED, "engine leap has no real Chroma; use --engine real");
    }
    if (setup->lb_kind != LB_KIND_WALPROXY) {
        return error_set(msg, ERR_UNSUPPORTED,
                         "engine leap runs no balancer but walproxy; use --engine real");
    }
    return 0;
}

static void leap_forward(uint64_t ns)
{
    leap_clock_to(leap_clock_ns() + ns);
}

static void leap_status_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct leap_engine *l = context;
    (void)tag;
    l->ready = l->ready || (answer->outcome == OP_ANSWERED && answer->status == 200);
}

static int leap_await_status(struct leap_engine *l, struct errmsg *msg)
{
    struct engine_request ask = {
        .target = TARGET_LB, .method = "GET", .path = "/status", .timeout_ns = NS_PER_S
    };
    uint64_t end_ns = leap_clock_ns() + LEAP_READY_NS;
    int rv = 0;
    l->ready = false;
    while (rv == 0 && !l->ready && leap_clock_ns() < end_ns) {
        rv = leap_send(l, &ask, 0, leap_status_answered, l, msg);
        rv = rv != 0 ? rv : leap_run(l, leap_clock_ns() + LEAP_ASK_EVERY_NS, msg);
    }
    return rv != 0 || l->ready ? rv : error_set(msg, ERR_TIMEOUT, "the balancer does not answer /status");
}

static int leap_open_all(struct leap_engine *l, const struct engine_setup *setup, struct history *history,
                         struct errmsg *msg)
{
    int rv = leap_selftest(leap_forward, msg);
    leap_clock_start();
    (void)leap_clock_switch(true);
    rv = rv != 0 ? rv : leap_place_open(&l->place, setup->work_dir, msg);
    l->origin_ns = leap_clock_ns();
    l->requests = requests_new(leap_now_cb, &l->engine);
    rv = rv != 0 ? rv : leap_mocks_new(&l->mocks, setup, &l->place, l->origin_ns, history, msg);
    if (rv == 0 && setup->before_lb != NULL) {
        (void)leap_clock_switch(false); /* it calls the engine as the runner does */
        rv = setup->before_lb(setup->before_lb_context, &l->engine, msg);
        (void)leap_clock_switch(true);
    }
    rv = rv != 0 ? rv : leap_lb_new(&l->lb, setup, &l->place, msg);
    rv = rv != 0 ? rv : leap_lb_start(l->lb, msg);
    return rv != 0 ? rv : leap_await_status(l, msg);
}

static int leap_open(struct engine *e, const struct engine_setup *setup, struct history *history,
                     struct errmsg *msg)
{
    struct leap_engine *l = leap_of(e);
    if (l->requests != NULL) {
        return error_set(msg, ERR_STATE, "the engine is open already");
    }
    if (setup->work_dir == NULL) {
        return error_set(msg, ERR_INVALID, "the engine leap needs a folder for the log and the sockets");
    }
    l->history = history;
    leap_clock_start();
    (void)leap_clock_switch(true);
    int rv = leap_open_all(l, setup, history, msg);
    (void)leap_clock_switch(false);
    return rv;
}

/* ---- faults, and lives ---- */

static int leap_check(const struct leap_engine *l, enum engine_target target, struct errmsg *msg)
{
    if (target == TARGET_LB) {
        return error_set(msg, ERR_INVALID, "the balancer is not an instance");
    }
    return leap_mocks_has(l->mocks, target) ? 0 : error_set(msg, ERR_NOT_FOUND, "there is no replica");
}

static int leap_fault_add(struct engine *e, enum engine_target instance, struct str json, uint64_t *id,
                          uint64_t *touches, struct errmsg *msg)
{
    struct leap_engine *l = leap_of(e);
    int rv = leap_check(l, instance, msg);
    (void)leap_clock_switch(true);
    rv = rv != 0 ? rv : leap_mocks_fault_add(l->mocks, instance, json, id, touches, msg);
    (void)leap_clock_switch(false);
    return rv;
}

static int leap_fault_remove(struct engine *e, enum engine_target instance, uint64_t id, uint64_t *hits,
                             struct errmsg *msg)
{
    struct leap_engine *l = leap_of(e);
    int rv = leap_check(l, instance, msg);
    (void)leap_clock_switch(true);
    rv = rv != 0 ? rv : leap_mocks_fault_remove(l->mocks, instance, id, hits, msg);
    (void)leap_clock_switch(false);
    return rv;
}

static int leap_fault_clear(struct engine *e, struct errmsg *msg)
{
    (void)msg;
    (void)leap_clock_switch(true);
    leap_mocks_fault_clear(leap_of(e)->mocks);
    (void)leap_clock_switch(false);
    return 0;
}

static int leap_instance_kill(struct engine *e, enum engine_target instance, struct errmsg *msg)
{
    struct leap_engine *l = leap_of(e);
    int rv = leap_check(l, instance, msg);
    if (rv == 0) {
        (void)leap_clock_switch(true);
        leap_mocks_kill(l->mocks, instance);
        (void)leap_clock_switch(false);
    }
    return rv;
}

static int leap_instance_start(struct engine *e, enum engine_target instance, enum mock_restart what,
                               uint64_t lost_ns, struct errmsg *msg)
{
    struct leap_engine *l = leap_of(e);
    int rv = leap_check(l, instance, msg);
    if (rv == 0) {
        (void)leap_clock_switch(true);
        leap_mocks_start(l->mocks, instance, what, lost_ns);
        (void)leap_clock_switch(false);
    }
    return rv;
}

static int leap_lb_stop_op(struct engine *e, enum lb_stop how, struct errmsg *msg)
{
    (void)leap_clock_switch(true);
    int rv = leap_lb_stop(leap_of(e)->lb, how, msg);
    (void)leap_clock_switch(false);
    return rv;
}

static int leap_lb_start_op(struct engine *e, struct errmsg *msg)
{
    (void)leap_clock_switch(true);
    int rv = leap_lb_start(leap_of(e)->lb, msg);
    (void)leap_clock_switch(false);
    return rv;
}

static int leap_lb_disk_op(struct engine *e, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits,
                           struct errmsg *msg)
{
    (void)msg;
    leap_lb_disk(leap_of(e)->lb, kind, by_ns, on, hits);
    return 0;
}

static const char *leap_environment(struct engine *e)
{
    (void)e;
    return NULL; /* the servers turn in this thread only: nobody could talk to them meanwhile */
}

/* ---- the end ---- */

static int leap_finish(struct engine *e, struct errmsg *msg)
{
    struct leap_engine *l = leap_of(e);
    (void)msg;
    leap_mocks_content(l->mocks);
    leap_journal_hash(l->history, l->hash);
    return 0;
}

static const char *leap_hash(struct engine *e)
{
    return leap_of(e)->hash;
}

static void leap_close(struct engine *e)
{
    struct leap_engine *l = leap_of(e);
    (void)leap_clock_switch(true);
    requests_free(l->requests);
    while (!LIST_EMPTY(&l->direct)) {
        leap_direct_free(LIST_FIRST(&l->direct));
    }
    leap_lb_free(l->lb);
    leap_mocks_free(l->mocks);
    (void)leap_clock_switch(false);
    leap_place_close(&l->place);
    mem_free(l);
    curl_global_cleanup();
}

static const struct engine_ops leap_ops = {
    .name = "leap",
    .supports = leap_supports,
    .open = leap_open,
    .now = leap_now,
    .advance = leap_advance,
    .request = leap_request,
    .fault_add = leap_fault_add,
    .fault_remove = leap_fault_remove,
    .fault_clear = leap_fault_clear,
    .instance_kill = leap_instance_kill,
    .instance_start = leap_instance_start,
    .lb_stop = leap_lb_stop_op,
    .lb_start = leap_lb_start_op,
    .lb_disk = leap_lb_disk_op,
    .base_url = leap_base_url,
    .environment = leap_environment,
    .finish = leap_finish,
    .journal_hash = leap_hash,
    .close = leap_close,
};

struct engine *engine_leap_new(void)
{
    struct leap_engine *l = mem_alloc(sizeof(*l));
    (void)curl_global_init(CURL_GLOBAL_ALL);
    l->engine.ops = &leap_ops;
    l->place.folder_fd = -1;
    LIST_INIT(&l->direct);
    leap_clock_start();
    l->origin_ns = leap_clock_ns();
    return &l->engine;
}
