/* The engine `real`: processes on loopback, the wall clock, TIME_SCALE.
 *
 * Scenario time is the wall clock since open, times the scale.  A client's patience is scenario time too, but
 * never less than 3 s of real time, as the balancer's own upstream timeouts never go below 2 s: on a busy
 * machine a tenth of a second is nothing.
 *
 * How it fails: a child that ends although nobody asked ends the run, with its last words; a mock whose
 * control port does not answer likewise.  close ends everything, whatever state it is in. */
#include "harness/engine.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/real/content.h"
#include "harness/effects.h"
#include "harness/real/control.h"
#include "harness/real/journal.h"
#include "harness/real/requests.h"
#include "harness/real/stack.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define REAL_PATIENCE_LEAST (3 * NS_PER_S)
#define REAL_TURN_MS        50 /* longest wait for sockets before looking at the children again */
#define REAL_READY_MS       20000
#define REAL_TERM_MS        30000
#define REAL_PRIMARY_PORT   8001 /* as `waldrill up` */
#define REAL_REPLICA_PORT   8002
#define REAL_CHROMA_SCALE   10 /* a real Chroma works at its own pace: rule 28 of the design */
#define REAL_ANSWER_MAX     ((size_t)1 << 30)
#define REAL_ENVIRONMENT    (8 * CHILD_PATH)

struct real_engine {
    struct engine engine;
    char *bin_dir;
    struct stack stack;
    bool started;
    struct requests *requests;
    struct history *history;
    double scale;
    uint64_t origin_ns; /* real time of scenario time 0 */
    struct journal_reader journals[2];
    char environment[REAL_ENVIRONMENT];
    bool ready; /* while opening */
    bool real_chroma[2];
    bool reviving[2]; /* started again, not yet seen to answer */
    uint64_t away[2]; /* the gateway's fault while its real Chroma is dead */
    char work_dir[CHILD_PATH];
};

static struct real_engine *real_of(struct engine *e)
{
    return (struct real_engine *)(void *)e;
}

static uint64_t real_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t real_now(struct engine *e)
{
    const struct real_engine *r = real_of(e);
    return (uint64_t)((double)(real_clock_ns() - r->origin_ns) * r->scale);
}

static uint64_t real_now_cb(void *context)
{
    return real_now(context);
}

/* ---- open ---- */

static void real_status_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    (void)tag;
    struct real_engine *r = context;
    r->ready = r->ready || (answer->outcome == OP_ANSWERED && answer->status == 200);
}

static int real_await_status(struct real_engine *r, struct errmsg *msg)
{
    struct engine_request ask = { .target = TARGET_LB, .method = "GET", .path = "/status" };
    uint64_t end_ns = real_clock_ns() + REAL_READY_MS * NS_PER_MS;
    r->ready = false;
    while (!r->ready) {
        int rv = 0;
        if (requests_open(r->requests) == 0) {
            rv = requests_send(r->requests, r->stack.urls[TARGET_LB], NULL, &ask, 1000, 0,
                               real_status_answered, r, msg);
        }
        rv = rv != 0 ? rv : requests_turn(r->requests, 10, msg);
        rv = rv != 0 ? rv : stack_check(&r->stack, msg);
        if (rv != 0) {
            return rv;
        }
        if (!r->ready && real_clock_ns() > end_ns) {
            return error_set(msg, ERR_TIMEOUT, "the balancer does not answer /status");
        }
    }
    return 0;
}

static int real_measure(struct real_engine *r, struct errmsg *msg)
{
    for (unsigned t = TARGET_PRIMARY; t < r->stack.count; t++) {
        r->journals[t - 1].instance = t - 1;
        int rv = journal_measure(&r->journals[t - 1], r->stack.controls[t], real_now_cb, &r->engine, msg);
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

static void real_write_environment(struct real_engine *r)
{
    const char *path = getenv("PATH");
    (void)snprintf(r->environment, sizeof(r->environment),
                   "LB=%s\nPRIMARY=%s\nREPLICA=%s\nWAL_DIR=%s\nPATH=%s:%s\n", r->stack.urls[TARGET_LB],
                   r->stack.urls[TARGET_PRIMARY], r->stack.urls[TARGET_REPLICA], r->stack.wal_dir, r->bin_dir,
                   path == NULL ? "/usr/bin:/bin" : path);
}

static int real_open(struct engine *e, const struct engine_setup *setup, struct history *history,
                     struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    if (r->started) {
        return error_set(msg, ERR_STATE, "the engine is open already");
    }
    if (setup->work_dir == NULL) {
        return error_set(msg, ERR_INVALID, "the engine real needs a folder for its logs");
    }
    struct stack_options options = {
        .bin_dir = r->bin_dir,
        .work_dir = setup->work_dir,
        .seed = setup->seed,
        .time_scale = setup->time_scale < 1 ? 1 : setup->time_scale,
        .has_replica = setup->has_replica,
        .latency = { setup->latency[0], setup->latency[1] },
        .settings = setup->lb_settings,
        .setting_count = setup->lb_setting_count,
        .mutant = setup->mutant,
        .without_lb = true,
        .real_chroma = { setup->real_chroma[0], setup->real_chroma[1] },
        .lb_kind = setup->lb_kind,
        .lb_command = setup->lb_command,
        .lb_ready = setup->lb_ready,
        .lb_url = setup->lb_url,
        .lb_env = setup->lb_env,
        .lb_env_count = setup->lb_env_count,
    };
    if (setup->lb_kind == LB_KIND_URL) { /* somebody pointed it at us: we must stand where they could know */
        options.ports[TARGET_PRIMARY] = REAL_PRIMARY_PORT;
        options.ports[TARGET_REPLICA] = REAL_REPLICA_PORT;
    }
    int rv = stack_start(&r->stack, &options, msg);
    if (rv != 0) {
        return rv;
    }
    r->started = true;
    r->real_chroma[0] = setup->real_chroma[0];
    r->real_chroma[1] = setup->real_chroma[1];
    (void)snprintf(r->work_dir, sizeof(r->work_dir), "%s", setup->work_dir);
    r->history = history;
    if (setup->lb_kind != LB_KIND_WALPROXY) {
        effects_guess_untagged(history);
    }
    r->scale = options.time_scale;
    history->time_scale = r->scale;
    r->origin_ns = real_clock_ns();
    r->requests = requests_new(real_now_cb, e);
    rv = setup->before_lb == NULL ? 0 : setup->before_lb(setup->before_lb_context, e, msg);
    rv = rv != 0 ? rv : stack_start_lb(&r->stack, msg);
    real_write_environment(r);
    rv = rv != 0 ? rv : real_measure(r, msg);
    bool ours =
        setup->lb_kind == LB_KIND_WALPROXY; /* another one may have no /status; it is ready by its URL */
    return rv != 0 || !ours ? rv : real_await_status(r, msg);
}

/* ---- faults ---- */

static int real_ask(struct real_engine *r, enum engine_target instance, const char *method, const char *path,
                    struct str body, json_t **out, struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, REAL_ANSWER_MAX);
    CHECK(instance != TARGET_LB);
    int rv = control_ask(r->stack.controls[instance], method, path, body, &answer, msg);
    if (rv == 0 && out != NULL) {
        *out = json_loadb(answer.data == NULL ? "" : answer.data, answer.size, JSON_DECODE_ANY, NULL);
        if (*out == NULL) {
            rv = error_set(msg, ERR_SYNTAX, "%s %s: the answer is not JSON", method, path);
        }
    }
    buf_deinit(&answer);
    return rv;
}

static uint64_t real_u64(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value < 0 ? 0 : (uint64_t)value;
}

static int real_fault_add(struct engine *e, enum engine_target instance, struct str json, uint64_t *id,
                          uint64_t *touches, struct errmsg *msg)
{
    json_t *answer;
    int rv = real_ask(real_of(e), instance, "POST", "/faults", json, &answer, msg);
    if (rv == 0) {
        *id = real_u64(answer, "id");
        *touches = real_u64(answer, "touches");
        json_decref(answer);
    }
    return rv;
}

static int real_fault_remove(struct engine *e, enum engine_target instance, uint64_t id, uint64_t *hits,
                             struct errmsg *msg)
{
    char path[64];
    json_t *answer;
    (void)snprintf(path, sizeof(path), "/faults/%" PRIu64, id);
    int rv = real_ask(real_of(e), instance, "DELETE", path, STR(""), &answer, msg);
    if (rv == 0) {
        *hits = real_u64(answer, "hits");
        json_decref(answer);
    }
    return rv;
}

/* Clears, then looks: nothing may be left. */
static int real_fault_clear(struct engine *e, struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    for (unsigned t = TARGET_PRIMARY; t < r->stack.count; t++) {
        json_t *answer;
        int rv = real_ask(r, (enum engine_target)t, "DELETE", "/faults", STR(""), NULL, msg);
        rv = rv != 0 ? rv : real_ask(r, (enum engine_target)t, "GET", "/faults", STR(""), &answer, msg);
        if (rv != 0) {
            return rv;
        }
        const json_t *list = json_is_array(answer) ? answer : json_object_get(answer, "faults");
        size_t left = 0;
        size_t index;
        const json_t *fault;
        json_array_foreach(list, index, fault)
        {
            left += json_is_false(json_object_get(fault, "active")) ? 0 : 1;
        }
        json_decref(answer);
        if (left > 0) {
            return error_set(msg, ERR_STATE, "%zu faults are left on the %s", left,
                             t == TARGET_PRIMARY ? "primary" : "replica");
        }
    }
    return 0;
}

/* ---- processes ---- */

static int real_pull(struct real_engine *r, struct errmsg *msg)
{
    for (unsigned t = TARGET_PRIMARY; t < r->stack.count; t++) {
        int rv = journal_pull(&r->journals[t - 1], r->stack.controls[t], r->history, msg);
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

/* The mock plays its own death: its journal must outlive it.  A real Chroma dies in earnest, and its gateway
 * refuses connections meanwhile, as the port of a dead process does. */
static int real_instance_kill(struct engine *e, enum engine_target instance, struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    unsigned i = instance == TARGET_REPLICA;
    uint64_t touches;
    if (!r->real_chroma[i]) {
        return real_ask(r, instance, "POST", "/kill", STR(""), NULL, msg);
    }
    int rv = real_fault_add(e, instance, STR("{\"do\":\"refuse\"}"), &r->away[i], &touches, msg);
    return rv != 0 ? rv : stack_kill_chroma(&r->stack, instance, msg);
}

/* No seconds can be taken from a real Chroma: what its disk kept is what there is. */
static int real_chroma_start(struct engine *e, enum engine_target instance, enum mock_restart what,
                             struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    unsigned i = instance == TARGET_REPLICA;
    if (what == MOCK_LOSE_TAIL) {
        return error_set(msg, ERR_UNSUPPORTED,
                         "a real Chroma cannot lose its last seconds; data: keep or empty");
    }
    r->reviving[i] = true;
    return stack_revive_chroma(&r->stack, instance, what == MOCK_LOSE_ALL, r->work_dir, msg);
}

/* Looks whether real Chromas that were started again answer by now: then their gateways let requests through.
 */
static int real_revivals(struct engine *e, struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    int rv = 0;
    for (unsigned i = 0; rv == 0 && i < 2; i++) {
        uint64_t hits;
        if (r->reviving[i] && stack_chroma_answers(&r->stack, i)) {
            r->reviving[i] = false;
            rv = real_fault_remove(e, i == 0 ? TARGET_PRIMARY : TARGET_REPLICA, r->away[i], &hits, msg);
        }
    }
    return rv;
}

static int real_instance_start(struct engine *e, enum engine_target instance, enum mock_restart what,
                               uint64_t lost_ns, struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    int rv = real_pull(r, msg); /* what was applied before, belongs to the incarnation before */
    if (rv != 0) {
        return rv;
    }
    char body[128] = "{\"data\":\"keep\"}";
    if (what == MOCK_LOSE_TAIL) {
        (void)snprintf(body, sizeof(body), "{\"data\":\"lose\",\"lost\":\"%" PRIu64 "ns\"}", lost_ns);
    } else if (what == MOCK_LOSE_ALL) {
        (void)snprintf(body, sizeof(body), "{\"data\":\"empty\"}");
    }
    rv = r->real_chroma[instance == TARGET_REPLICA]
             ? real_chroma_start(e, instance, what, msg)
             : real_ask(r, instance, "POST", "/restart", str_of(body), NULL, msg);
    if (rv == 0 && what != MOCK_KEEP_ALL) {
        struct journal_reader *journal = &r->journals[instance - 1];
        journal->incarnation++;
        int64_t kept_ns = what == MOCK_LOSE_ALL ? HISTORY_NEVER : (int64_t)real_now(e) - (int64_t)lost_ns;
        history_add_loss(r->history, journal->instance, journal->incarnation, kept_ns);
    }
    return rv;
}

static int real_lb_stop(struct engine *e, enum lb_stop how, struct errmsg *msg)
{
    struct child *lb = &real_of(e)->stack.children[TARGET_LB];
    if (real_of(e)->stack.lb_kind == LB_KIND_URL) {
        return error_set(msg, ERR_UNSUPPORTED, "a balancer that runs already is not ours to stop");
    }
    switch (how) {
        case LB_STOP_KILL:
            return child_end(lb, SIGKILL, 0, msg);
        case LB_STOP_TERM:
            return child_end(lb, SIGTERM, REAL_TERM_MS, msg);
        case LB_STOP_PAUSE:
            return child_pause(lb, true, msg);
        case LB_STOP_CONTINUE:
            return child_pause(lb, false, msg);
    }
    return error_set(msg, ERR_INVALID, "no such way to stop");
}

static int real_lb_start(struct engine *e, struct errmsg *msg)
{
    return stack_start_lb(&real_of(e)->stack, msg);
}

static const char *real_base_url(struct engine *e, enum engine_target target)
{
    return real_of(e)->stack.urls[target];
}

static const char *real_environment(struct engine *e)
{
    return real_of(e)->environment;
}

/* ---- time and requests ---- */

static int real_advance(struct engine *e, uint64_t until_ns, struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    do {
        uint64_t now_ns = real_now(e);
        uint64_t left_ns = until_ns > now_ns ? (uint64_t)((double)(until_ns - now_ns) / r->scale) : 0;
        uint64_t left_ms = (left_ns + NS_PER_MS - 1) / NS_PER_MS;
        int rv = requests_turn(r->requests, left_ms > REAL_TURN_MS ? REAL_TURN_MS : (int)left_ms, msg);
        rv = rv != 0 ? rv : stack_check(&r->stack, msg);
        rv = rv != 0 ? rv : real_revivals(e, msg);
        if (rv != 0) {
            return rv;
        }
    } while (real_now(e) < until_ns);
    return 0;
}

static int real_request(struct engine *e, const struct engine_request *request, uint64_t tag,
                        engine_answer_cb *cb, void *context, struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    uint64_t patience_ns = (uint64_t)((double)request->timeout_ns / r->scale);
    patience_ns = patience_ns < REAL_PATIENCE_LEAST ? REAL_PATIENCE_LEAST : patience_ns;
    return requests_send(r->requests, r->stack.urls[request->target], NULL, request,
                         (long)(patience_ns / NS_PER_MS), tag, cb, context, msg);
}

/* ---- the end ---- */

/* Dumps of mocks; where one of the two is a real Chroma, both are read over the API, in one form. */
static int real_content(struct real_engine *r, struct errmsg *msg)
{
    bool by_api = r->real_chroma[0] || r->real_chroma[1];
    for (unsigned t = TARGET_PRIMARY; t < r->stack.count; t++) {
        struct buf answer;
        buf_init(&answer, REAL_ANSWER_MAX);
        struct content_source source = { .base_url = r->stack.urls[t], .database = CONTENT_DEFAULT_DATABASE };
        int rv = by_api ? content_read(&source, NULL, &answer, msg)
                        : control_ask(r->stack.controls[t], "GET", "/dump", STR(""), &answer, msg);
        if (rv == 0) {
            mem_free(r->history->content[t - 1]);
            r->history->content[t - 1] = buf_take(&answer);
        }
        buf_deinit(&answer);
        if (rv != 0) {
            return rv;
        }
    }
    return 0;
}

static int real_finish(struct engine *e, struct errmsg *msg)
{
    struct real_engine *r = real_of(e);
    int rv = real_pull(r, msg);
    if (r->stack.lb_kind != LB_KIND_WALPROXY) {
        effects_guess(r->history);
    }
    return rv != 0 ? rv : real_content(r, msg);
}

static const char *real_journal_hash(struct engine *e)
{
    (void)e;
    return ""; /* no two real runs are the same */
}

static void real_close(struct engine *e)
{
    struct real_engine *r = real_of(e);
    requests_free(r->requests);
    if (r->started) {
        stack_stop(&r->stack);
    }
    mem_free(r->bin_dir);
    mem_free(r);
    curl_global_cleanup();
}

/* A running balancer is not ours to touch unless it stands on this machine or was named on the command line.
 */
static int real_supports(struct engine *engine, const struct engine_setup *setup, struct errmsg *msg)
{
    static const char *const here[] = { "http://127.0.0.1:", "http://localhost:", "http://[::1]:" };
    (void)engine;
    if ((setup->real_chroma[0] || setup->real_chroma[1]) && setup->time_scale > REAL_CHROMA_SCALE) {
        return error_set(msg, ERR_UNSUPPORTED, "with a real Chroma --time-scale is at most %d",
                         REAL_CHROMA_SCALE);
    }
    if (setup->lb_kind != LB_KIND_URL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
        if (strncmp(setup->lb_url, here[i], strlen(here[i])) == 0) {
            return 0;
        }
    }
    const char *host = strstr(setup->lb_url, "://");
    host = host == NULL ? setup->lb_url : host + 3;
    size_t length = strcspn(host, "/");
    if (setup->armed != NULL && strlen(setup->armed) == length && strncmp(setup->armed, host, length) == 0) {
        return 0;
    }
    return error_set(
        msg, ERR_UNSUPPORTED,
        "%.*s is not this machine: a run writes to it and breaks what stands behind it; say --arm "
        "%.*s if that is meant",
        (int)length, host, (int)length, host);
}

static const struct engine_ops real_ops = {
    .supports = real_supports,
    .name = "real",
    .open = real_open,
    .now = real_now,
    .advance = real_advance,
    .request = real_request,
    .fault_add = real_fault_add,
    .fault_remove = real_fault_remove,
    .fault_clear = real_fault_clear,
    .instance_kill = real_instance_kill,
    .instance_start = real_instance_start,
    .lb_stop = real_lb_stop,
    .lb_start = real_lb_start,
    .base_url = real_base_url,
    .environment = real_environment,
    .finish = real_finish,
    .journal_hash = real_journal_hash,
    .close = real_close,
};

struct engine *engine_real_new(const char *bin_dir)
{
    struct real_engine *r = mem_alloc(sizeof(*r));
    (void)curl_global_init(CURL_GLOBAL_ALL);
    r->engine.ops = &real_ops;
    r->bin_dir = mem_strdup(bin_dir);
    r->scale = 1;
    r->origin_ns = real_clock_ns();
    return &r->engine;
}
