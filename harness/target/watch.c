/* A look at the target a few times in each lease: faults are renewed, and everybody is asked who they are.
 *
 * All of it is asked without waiting, between the load's own requests.  How it fails: a gateway that was
 * started anew has lost its faults and its journal, a balancer that was started anew (by somebody else) has
 * lost its count of things, a fault whose lease ran out was not in force: each ends the run with its words.
 */
#include "harness/target/engine.h"

#include "base/exposition.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/real/control.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_TIMES      3 /* looks in a lease */
#define WATCH_TIMEOUT_MS 3000
#define WATCH_SILENT_NS  (30 * NS_PER_S) /* at least; else three leases */
#define WATCH_ANSWER_MAX ((size_t)1 << 20)
#define WATCH_START      "walproxy_start_time_seconds"
#define WATCH_VERSION    "/api/v2/version"

static void lose(struct target_engine *t, const char *format, const char *place)
{
    if (t->lost.text[0] == '\0') {
        (void)error_set(&t->lost, ERR_STATE, "%s the %s", format, place);
    }
}

static bool has_gateway(const struct target_engine *t, unsigned place)
{
    return t->file->places[place].gateway != NULL;
}

/* The start of the process, in whatever unit it tells; 0 = it does not. */
static double start_of(unsigned place, struct str body)
{
    double start = 0;
    if (place != TARGET_LB) {
        json_t *root = json_loadb(body.data == NULL ? "" : body.data, body.size, 0, NULL);
        start = json_number_value(json_object_get(root, "start_wall_ms"));
        json_decref(root);
        return start;
    }
    (void)exposition_find(body, WATCH_START, &start);
    return start;
}

static void identified(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct target_engine *t = context;
    struct identity *id = &t->identities[tag];
    id->asking = false;
    if (answer->outcome != OP_ANSWERED) {
        return;
    }
    id->seen_ns = target_clock_ns(); /* whatever it says: a balancer need not have /metrics */
    double start = answer->status == 200 ? start_of((unsigned)tag, answer->body) : 0;
    if (id->start > 0 && start > 0 && start != id->start && t->hurts[tag].state == HURT_RUNS) {
        lose(t, tag == TARGET_LB ? "somebody has started anew" : "somebody has started anew the gateway of",
             target_place_names[tag]);
    }
    if (t->hurts[tag].state == HURT_RUNS && start > 0) {
        id->start = start;
    }
}

static int ask_identity(struct target_engine *t, unsigned place, struct errmsg *msg)
{
    char headers[640] = "";
    const char *path = place == TARGET_LB ? "/metrics" : "/status";
    const char *token = place == TARGET_LB ? target_file_token(t->file, TARGET_LB, path) : NULL;
    struct engine_request ask = { .method = "GET", .path = path };
    if (token != NULL) {
        (void)snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", token);
        ask.headers = headers;
    }
    t->identities[place].asking = true;
    return requests_send(t->requests,
                         place == TARGET_LB ? t->file->places[place].url : t->file->places[place].gateway,
                         NULL, &ask, WATCH_TIMEOUT_MS, place, identified, t, msg);
}

static void renewed(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct target_engine *t = context;
    struct held *held;
    bool refused = answer->outcome == OP_ANSWERED && answer->status >= 400;
    TAILQ_FOREACH (held, &t->held, entry) {
        if (held->id == tag >> 2 && held->place == (tag & 3u) && refused && !held->ends_itself) {
            lose(t, "a fault's lease ran out before it was renewed, on the gateway of",
                 target_place_names[held->place]);
        }
    }
}

static int renew(struct target_engine *t, const struct held *held, struct errmsg *msg)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/faults/%" PRIu64 "/renew", held->id);
    struct engine_request ask = { .method = "POST", .path = path };
    return requests_send(t->requests, t->file->places[held->place].gateway, NULL, &ask, WATCH_TIMEOUT_MS,
                         held->id << 2 | (uint64_t)held->place, renewed, t, msg);
}

/* Nobody has heard of it for too long. */
static void miss(struct target_engine *t, unsigned place, uint64_t now_ns)
{
    uint64_t patience_ns = 3 * t->file->lease_ns > WATCH_SILENT_NS ? 3 * t->file->lease_ns : WATCH_SILENT_NS;
    if (t->hurts[place].state != HURT_RUNS) {
        t->identities[place].seen_ns = now_ns;
    } else if (now_ns - t->identities[place].seen_ns > patience_ns) {
        lose(t,
             place == TARGET_LB ? "nothing is heard any more of"
                                : "nothing is heard any more of the gateway of",
             target_place_names[place]);
    }
}

int target_watch_look(struct target_engine *t, struct errmsg *msg)
{
    uint64_t now_ns = target_clock_ns();
    struct held *held;
    int rv = 0;
    if (t->lost.text[0] == '\0' && now_ns >= t->next_look_ns) {
        t->next_look_ns = now_ns + t->file->lease_ns / WATCH_TIMES;
        TAILQ_FOREACH (held, &t->held, entry) {
            rv = rv != 0 ? rv : renew(t, held, msg);
        }
        for (unsigned i = 0; i < TARGET_PLACES && rv == 0; i++) {
            if (i != TARGET_LB && !has_gateway(t, i)) {
                continue;
            }
            miss(t, i, now_ns);
            rv = t->identities[i].asking ? 0 : ask_identity(t, i, msg);
        }
    }
    if (rv == 0 && t->lost.text[0] != '\0') {
        rv = error_set(msg, ERR_STATE, "%s", t->lost.text);
    }
    return rv;
}

static int version_of(const struct target_engine *t, unsigned place, char *out, size_t size,
                      struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, WATCH_ANSWER_MAX);
    int rv = control_look(t->file->places[place].url, WATCH_VERSION, t->file->chroma_token, &answer, msg);
    if (rv == 0) {
        (void)snprintf(out, size, "%s", buf_text(&answer));
    }
    buf_deinit(&answer);
    return rv == 0 ? 0 : error_wrap(msg, rv, "the %s", target_place_names[place]);
}

/* A gateway with faults of somebody else is not ours to clear. */
static int look_at_gateway(struct target_engine *t, unsigned place, struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, WATCH_ANSWER_MAX);
    int rv = control_ask(t->file->places[place].gateway, "GET", "/status", STR(""), &answer, msg);
    json_t *root = rv != 0 ? NULL : json_loads(buf_text(&answer), 0, NULL);
    const char *service = json_string_value(json_object_get(root, "service"));
    json_int_t faults = json_integer_value(json_object_get(root, "active_faults"));
    if (rv == 0 && (service == NULL || strcmp(service, "mockchroma") != 0)) {
        rv = error_set(msg, ERR_STATE, "%s is no mockchroma's control port", t->file->places[place].gateway);
    } else if (rv == 0 && faults > 0) {
        rv = error_set(msg, ERR_STATE, "%lld faults are active on the gateway of the %s: waldrill heal %s",
                       (long long)faults, target_place_names[place], t->file->path);
    }
    t->identities[place].start = json_number_value(json_object_get(root, "start_wall_ms"));
    json_decref(root);
    buf_deinit(&answer);
    return rv;
}

int target_watch_begin(struct target_engine *t, struct errmsg *msg)
{
    int rv = 0;
    for (unsigned i = 0; i < TARGET_PLACES && rv == 0; i++) {
        t->identities[i].seen_ns = target_clock_ns();
        if (i != TARGET_LB && t->file->places[i].url != NULL) {
            rv = has_gateway(t, i) ? look_at_gateway(t, i, msg) : 0;
            rv = rv != 0 ? rv
                         : version_of(t, i, t->identities[i].version, sizeof(t->identities[i].version), msg);
        }
    }
    return rv;
}

int target_watch_versions(struct target_engine *t, struct errmsg *msg)
{
    int rv = 0;
    for (unsigned i = TARGET_PRIMARY; i < TARGET_PLACES && rv == 0; i++) {
        char version[64] = "";
        if (t->file->places[i].url == NULL) {
            continue;
        }
        rv = version_of(t, i, version, sizeof(version), msg);
        if (rv == 0 && strcmp(version, t->identities[i].version) != 0) {
            rv = error_set(msg, ERR_STATE, "the %s was version %s and is version %s", target_place_names[i],
                           t->identities[i].version, version);
        }
    }
    return rv;
}
