/* The engine `target`: a deployment that runs already, in real time.
 *
 * It differs from `real` in what it may not do.  Every request passes marks.c, so that nothing but the
 * rehearsal's own collections is written to; every fault carries a lease and is renewed by watch.c; every
 * stop is noted where the watchdog and the next `waldrill heal` find it.  Whatever ends a run - its last
 * phase, a stop condition, Ctrl-C, a lost connection - goes through target_end (end.c).
 *
 * How it fails: an error from advance ends the run; by then everything is being mended already. */
#include "harness/target/engine.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/real/control.h"
#include "harness/target/blast.h"
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TARGET_TURN_MS    50
#define TARGET_ANSWER_MAX ((size_t)64 << 20)
#define TARGET_BODY_MAX   ((size_t)64 << 20)
#define TARGET_COMMAND_ID UINT64_MAX /* of a fault that is a stopped process */

struct asked {
    TAILQ_ENTRY(asked) entry;
    struct target_engine *owner;
    uint64_t tag;
    engine_answer_cb *cb;
    void *context;
    bool learns;
};

struct target_engine *target_of(struct engine *e)
{
    return (struct target_engine *)(void *)e;
}

static uint64_t target_now(struct engine *e)
{
    return target_clock_ns() - target_of(e)->origin_ns;
}

static uint64_t target_now_cb(void *context)
{
    return target_now(context);
}

/* ---- open ---- */

static int target_supports(struct engine *e, const struct engine_setup *setup, struct errmsg *msg)
{
    const struct target_engine *t = target_of(e);
    if (setup->mutant != NULL) {
        return error_set(msg, ERR_UNSUPPORTED, "known-bad proxies stand trial on the engine sim only");
    }
    return t->refusal[0] == '\0' ? 0 : error_set(msg, ERR_UNSUPPORTED, "%s", t->refusal);
}

/* Collections of another rehearsal: left behind, or of one that another machine plays at this moment. */
static int nobody_else(const struct target_engine *t, enum engine_target place, struct errmsg *msg)
{
    char **names;
    size_t count;
    size_t unmarked;
    int rv = holdings_marked(t->file, place, t->file->prefix, &names, &count, &unmarked, msg);
    holdings_names_free(names, count);
    if (rv == 0 && count > 0) {
        rv = error_set(msg, ERR_STATE,
                       "the %s has %zu collections of another rehearsal; unless one is under way elsewhere: "
                       "waldrill heal %s",
                       target_place_names[place], count, t->file->path);
    }
    return rv;
}

/* What was there, and where the journals stand.  The journal first: a write between the two readings is then
 * somebody's, and told. */
static int read_before(struct target_engine *t, struct errmsg *msg)
{
    int rv = 0;
    for (unsigned i = TARGET_PRIMARY; i < TARGET_PLACES && rv == 0; i++) {
        const struct target_place *p = &t->file->places[i];
        struct journal_reader *journal = &t->journals[i - 1];
        if (p->url == NULL) {
            continue;
        }
        *journal = (struct journal_reader){ .instance = i - 1, .mark = t->marks.mark };
        if (p->gateway != NULL) {
            rv = journal_measure(journal, p->gateway, target_now_cb, &t->engine, msg);
            rv = rv != 0 ? rv : journal_skip(journal, p->gateway, msg);
        }
        rv = rv != 0 ? rv : nobody_else(t, (enum engine_target)i, msg);
        rv = rv != 0 ? rv : holdings_read(t->file, (enum engine_target)i, &t->before[i - 1], msg);
    }
    return rv;
}

static void write_environment(struct target_engine *t)
{
    const char *path = getenv("PATH");
    const struct target_place *p = t->file->places;
    (void)snprintf(t->environment, sizeof(t->environment), "LB=%s\nPRIMARY=%s\nREPLICA=%s\nPATH=%s\n",
                   p[TARGET_LB].url, p[TARGET_PRIMARY].url,
                   p[TARGET_REPLICA].url == NULL ? "" : p[TARGET_REPLICA].url,
                   path == NULL ? "/usr/bin:/bin" : path);
}

static int target_open(struct engine *e, const struct engine_setup *setup, struct history *history,
                       struct errmsg *msg)
{
    struct target_engine *t = target_of(e);
    (void)setup;
    if (t->opened) {
        return error_set(msg, ERR_STATE, "the engine is open already");
    }
    history->time_scale = 1;
    t->history = history;
    t->origin_ns = target_clock_ns();
    write_environment(t);
    int rv = lock_take(&t->lock, t->file, false, 0, msg);
    rv = rv != 0 ? rv : target_watch_begin(t, msg);
    rv = rv != 0 ? rv : read_before(t, msg);
    rv = rv != 0 ? rv : keeper_start(&t->keeper, t->file, t->marks.mark, t->work_dir, &t->lock, msg);
    if (rv != 0) {
        lock_release(&t->lock);
        return rv;
    }
    signals_catch();
    t->opened = true;
    lock_note(&t->lock, "run", TARGET_LB);
    t->requests = requests_new(target_now_cb, e);
    return 0;
}

/* ---- faults ---- */

static int gateway_ask(const struct target_engine *t, enum engine_target place, const char *method,
                       const char *path, struct str body, json_t **out, struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, TARGET_ANSWER_MAX);
    int rv = control_ask(t->file->places[place].gateway, method, path, body, &answer, msg);
    if (rv == 0) {
        *out = json_loads(buf_text(&answer), 0, NULL);
        rv = *out == NULL ? error_set(msg, ERR_SYNTAX, "%s %s: the answer is not JSON", method, path) : 0;
    }
    buf_deinit(&answer);
    return rv;
}

static int stop_place(struct target_engine *t, enum engine_target place, struct errmsg *msg)
{
    lock_note(&t->lock, "stop", place); /* first: a start too many does no harm */
    return hurt_stop(&t->hurts[place], msg);
}

static int target_fault_add(struct engine *e, enum engine_target place, struct str json, uint64_t *id,
                            uint64_t *touches, struct errmsg *msg)
{
    struct target_engine *t = target_of(e);
    json_t *answer;
    *touches = 0;
    if (t->file->places[place].gateway == NULL) {
        *id = TARGET_COMMAND_ID;
        return stop_place(t, place, msg);
    }
    char *document = marks_fault(&t->marks, json, t->file->lease_ns);
    int rv = gateway_ask(t, place, "POST", "/faults", str_of(document), &answer, msg);
    if (rv == 0) {
        struct json_scan scan;
        bool scanned = json_scan(str_of(document), &scan) == 0;
        struct held *held = mem_alloc(sizeof(*held));
        *id = (uint64_t)json_integer_value(json_object_get(answer, "id"));
        *touches = (uint64_t)json_integer_value(json_object_get(answer, "touches"));
        held->place = place;
        held->id = *id;
        held->ends_itself = scanned && json_scan_find(&scan, "for") != NULL;
        TAILQ_INSERT_TAIL(&t->held, held, entry);
        json_decref(answer);
    }
    mem_free(document);
    return rv;
}

static void let_go(struct target_engine *t, enum engine_target place, uint64_t id)
{
    struct held *held = TAILQ_FIRST(&t->held);
    while (held != NULL) {
        struct held *next = TAILQ_NEXT(held, entry);
        if (held->place == place && held->id == id) {
            TAILQ_REMOVE(&t->held, held, entry);
            mem_free(held);
        }
        held = next;
    }
}

static int target_instance_start(struct engine *e, enum engine_target place, enum mock_restart what,
                                 uint64_t lost_ns, struct errmsg *msg)
{
    struct target_engine *t = target_of(e);
    (void)lost_ns;
    if (what != MOCK_KEEP_ALL) {
        return error_set(msg, ERR_UNSUPPORTED, "no data is taken away from a target");
    }
    return hurt_start(&t->hurts[place], msg);
}

static int target_fault_remove(struct engine *e, enum engine_target place, uint64_t id, uint64_t *hits,
                               struct errmsg *msg)
{
    struct target_engine *t = target_of(e);
    char path[64];
    json_t *answer;
    if (id == TARGET_COMMAND_ID) {
        *hits = 1;
        return target_instance_start(e, place, MOCK_KEEP_ALL, 0, msg);
    }
    let_go(t, place, id);
    (void)snprintf(path, sizeof(path), "/faults/%" PRIu64, id);
    int rv = gateway_ask(t, place, "DELETE", path, STR(""), &answer, msg);
    if (rv == 0) {
        *hits = (uint64_t)json_integer_value(json_object_get(answer, "hits"));
        json_decref(answer);
    }
    return rv;
}

static int target_fault_clear(struct engine *e, struct errmsg *msg)
{
    struct target_engine *t = target_of(e);
    struct held *held;
    int rv = 0;
    while ((held = TAILQ_FIRST(&t->held)) != NULL && rv == 0) {
        uint64_t hits;
        rv = target_fault_remove(e, held->place, held->id, &hits, msg);
    }
    return rv;
}

/* ---- processes ---- */

static int target_instance_kill(struct engine *e, enum engine_target place, struct errmsg *msg)
{
    return stop_place(target_of(e), place, msg);
}

static int target_lb_stop(struct engine *e, enum lb_stop how, struct errmsg *msg)
{
    if (how != LB_STOP_KILL && how != LB_STOP_TERM) {
        return error_set(msg, ERR_UNSUPPORTED, "the balancer of a target cannot be paused");
    }
    return stop_place(target_of(e), TARGET_LB, msg);
}

static int target_lb_start(struct engine *e, struct errmsg *msg)
{
    return target_instance_start(e, TARGET_LB, MOCK_KEEP_ALL, 0, msg);
}

static const char *target_base_url(struct engine *e, enum engine_target place)
{
    const char *url = target_of(e)->file->places[place].url;
    return url == NULL ? "" : url;
}

static const char *target_environment(struct engine *e)
{
    return target_of(e)->environment;
}

/* ---- time and requests ---- */

static int poll_hurts(struct target_engine *t, struct errmsg *msg)
{
    int rv = 0;
    for (size_t i = 0; i < TARGET_PLACES && rv == 0; i++) {
        enum hurt_state before = t->hurts[i].state;
        rv = hurt_poll(&t->hurts[i], msg);
        if (before == HURT_STARTING && t->hurts[i].state == HURT_RUNS) {
            lock_note(&t->lock, "start", (enum engine_target)i);
            t->identities[i].start = 0; /* another process, by our own doing */
        }
    }
    return rv;
}

static int stopped(const struct target_engine *t, struct errmsg *msg)
{
    int number = signals_caught();
    if (number != 0) {
        return error_set(msg, ERR_STATE, "stopped by %s",
                         number == SIGINT   ? "Ctrl-C"
                         : number == SIGHUP ? "its terminal, which closed"
                                            : "SIGTERM");
    }
    return lock_stop_asked(&t->lock) ? error_set(msg, ERR_STATE, "stopped by waldrill heal") : 0;
}

static int target_advance(struct engine *e, uint64_t until_ns, struct errmsg *msg)
{
    struct target_engine *t = target_of(e);
    int rv = 0;
    do {
        uint64_t now_ns = target_now(e);
        uint64_t left_ms = until_ns > now_ns ? (until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
        left_ms = left_ms > TARGET_TURN_MS ? TARGET_TURN_MS : left_ms > 0 ? left_ms : 1; /* no busy waiting */
        rv = requests_turn(t->requests, (int)left_ms, msg);
        rv = rv != 0 ? rv : poll_hurts(t, msg);
        rv = rv != 0 ? rv : target_watch_look(t, msg);
        rv = rv != 0 ? rv : stopped(t, msg);
    } while (rv == 0 && target_now(e) < until_ns);
    if (rv != 0) { /* nothing stays broken while the end is told */
        (void)fprintf(stderr, "waldrill: %s; healing %s\n", msg->text, t->file->name);
        target_end(t, false);
        (void)fprintf(stderr, "%s%s", buf_text(&t->told), buf_text(&t->trouble));
    }
    return rv;
}

static void answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct asked *asked = context;
    (void)tag;
    if (asked->learns && answer->outcome == OP_ANSWERED && answer->status == 200) {
        marks_learn(&asked->owner->marks, answer->body);
    }
    asked->cb(asked->context, asked->tag, answer);
    TAILQ_REMOVE(&asked->owner->asked, asked, entry);
    mem_free(asked);
}

/* The token of the place, unless the request brings one. */
static void add_token(const struct target_engine *t, const struct engine_request *request,
                      struct buf *headers)
{
    const char *token = target_file_token(t->file, request->target, request->path);
    buf_append_text(headers, request->headers == NULL ? "" : request->headers);
    struct str rest = buf_str(headers);
    bool typed = false;
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        struct str value;
        typed = typed || str_equal_nocase(str_cut(line, ':', &value), STR("authorization"));
    }
    if (token != NULL && !typed) {
        buf_printf(headers, "Authorization: Bearer %s\r\n", token);
    }
}

static int target_request(struct engine *e, const struct engine_request *request, uint64_t tag,
                          engine_answer_cb *cb, void *context, struct errmsg *msg)
{
    struct target_engine *t = target_of(e);
    struct buf path;
    struct buf body;
    struct buf headers;
    bool learns = false;
    buf_init(&path, TARGET_BODY_MAX);
    buf_init(&body, TARGET_BODY_MAX);
    buf_init(&headers, TARGET_BODY_MAX);
    int rv = marks_request(&t->marks, request, &path, &body, &learns, msg);
    if (rv == 0) {
        struct asked *asked = mem_alloc(sizeof(*asked));
        struct engine_request sent = *request;
        *asked = (struct asked){ .owner = t, .tag = tag, .cb = cb, .context = context, .learns = learns };
        TAILQ_INSERT_TAIL(&t->asked, asked, entry);
        add_token(t, request, &headers);
        sent.path = buf_text(&path);
        sent.body = buf_str(&body);
        sent.headers = buf_text(&headers);
        rv = requests_send(t->requests, t->file->places[request->target].url, NULL, &sent,
                           (long)(request->timeout_ns / NS_PER_MS), 0, answered, asked, msg);
        if (rv != 0) {
            TAILQ_REMOVE(&t->asked, asked, entry);
            mem_free(asked);
        }
    }
    buf_deinit(&headers);
    buf_deinit(&path);
    buf_deinit(&body);
    return rv;
}

/* ---- the end ---- */

static int target_finish(struct engine *e, struct errmsg *msg)
{
    struct target_engine *t = target_of(e);
    int rv = target_watch_versions(t, msg);
    target_end(t, rv == 0);
    return rv;
}

static const char *target_journal_hash(struct engine *e)
{
    (void)e;
    return ""; /* no two such runs are the same */
}

static void target_close(struct engine *e)
{
    struct target_engine *t = target_of(e);
    struct asked *asked;
    struct held *held;
    target_end(t, false);
    requests_free(t->requests);
    while ((asked = TAILQ_FIRST(&t->asked)) != NULL) {
        TAILQ_REMOVE(&t->asked, asked, entry);
        mem_free(asked);
    }
    while ((held = TAILQ_FIRST(&t->held)) != NULL) {
        TAILQ_REMOVE(&t->held, held, entry);
        mem_free(held);
    }
    holdings_free(&t->before[0]);
    holdings_free(&t->before[1]);
    buf_deinit(&t->told);
    buf_deinit(&t->trouble);
    buf_deinit(&t->left);
    buf_deinit(&t->changed);
    marks_deinit(&t->marks);
    target_file_free(t->file);
    mem_free(t->hurts);
    mem_free(t->work_dir);
    mem_free(t);
    curl_global_cleanup();
}

static const struct engine_ops target_ops = {
    .supports = target_supports,
    .name = "target",
    .open = target_open,
    .now = target_now,
    .advance = target_advance,
    .request = target_request,
    .fault_add = target_fault_add,
    .fault_remove = target_fault_remove,
    .fault_clear = target_fault_clear,
    .instance_kill = target_instance_kill,
    .instance_start = target_instance_start,
    .lb_stop = target_lb_stop,
    .lb_start = target_lb_start,
    .base_url = target_base_url,
    .environment = target_environment,
    .finish = target_finish,
    .journal_hash = target_journal_hash,
    .judge = target_judge,
    .has_journals = target_has_journals,
    .close = target_close,
};

struct engine *target_engine_make(struct target_file *file, const struct scenario *s, const char *work_dir,
                                  const char *refusal)
{
    struct target_engine *t = mem_alloc(sizeof(*t));
    uint64_t drawn = target_clock_ns();
    (void)!getrandom(&drawn, sizeof(drawn), 0); /* else the clock names the run */
    (void)curl_global_init(CURL_GLOBAL_ALL);
    t->engine.ops = &target_ops;
    t->file = file;
    t->work_dir = mem_strdup(work_dir);
    (void)snprintf(t->refusal, sizeof(t->refusal), "%s", refusal);
    t->origin_ns = target_clock_ns();
    t->lock.fd = -1;
    TAILQ_INIT(&t->held);
    TAILQ_INIT(&t->asked);
    marks_init(&t->marks, file->prefix, drawn);
    t->hurts = hurts_new(file, t->work_dir);
    buf_init(&t->told, TARGET_ANSWER_MAX);
    buf_init(&t->trouble, TARGET_ANSWER_MAX);
    buf_init(&t->left, TARGET_ANSWER_MAX);
    buf_init(&t->changed, TARGET_ANSWER_MAX);
    for (size_t i = 0; i < s->fault_count; i++) {
        const struct scenario_fault *fault = &s->faults[i];
        bool gateway = fault->target == SCENARIO_PRIMARY   ? file->places[TARGET_PRIMARY].gateway != NULL
                       : fault->target == SCENARIO_REPLICA ? file->places[TARGET_REPLICA].gateway != NULL
                                                           : false;
        t->commands = t->commands || fault->document == NULL || !gateway;
    }
    return &t->engine;
}
