#include "proxy/core/resync.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/json_writer.h"
#include "base/log_line.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/calls.h"
#include "proxy/core/compared.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/reads.h"
#include "proxy/core/request.h"
#include "proxy/core/resync_job.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"
#include "proxy/core/verdict.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define PICK_POLL_NS  (50 * NS_PER_MS)
#define RETRY_BASE_NS (100 * NS_PER_MS)
#define RETRY_CAP_NS  (5 * NS_PER_S)
#define FAILURES_MAX  8
#define BACKLOG_MAX   8  /* of a lane about to be walked: the rest is worked off before ... */
#define BACKLOG_LATE  64 /* ... but not for ever */

void resync_init(struct core *core)
{
    core->resync = mem_alloc(sizeof(*core->resync));
    core->resync->compared = compared_new();
    timer_init(&core->resync->timer, TIMER_RESYNC, 0, NULL);
}

void resync_free(struct core *core)
{
    walk_free(core->resync);
    audit_free(core->resync);
    compared_free(core->resync->compared);
    mem_free(core->resync);
}

unsigned resync_other(unsigned i)
{
    return 1 - i;
}

/* ---- requests ---- */

void resync_ask(struct core *core, unsigned i, const char *method, struct str target, struct block *body,
                uint64_t limit)
{
    struct call_spec spec = {
        .kind = CALL_RESYNC,
        .instance = i,
        .method = str_of(method),
        .target = target,
        .content_type = body == NULL ? STR("") : STR("application/json"),
        .request_id = STR("resync"),
        .body = body,
        .answer_limit = limit,
        .timeout_ns = call_timeout_floor(core, core->settings.request_timeout_ns),
    };
    core->resync->call = call_start(core, &spec)->id;
    block_unref(body);
}

void resync_rest(struct core *core, uint64_t ns)
{
    core->resync->resting = true;
    timer_set(core, &core->resync->timer, core->now_ns + ns);
}

void resync_timer(struct core *core)
{
    core->resync->resting = false;
}

void resync_retry(struct core *core)
{
    struct resync *r = core->resync;
    if (++r->failures > FAILURES_MAX) {
        resync_done(core);
    }
    resync_rest(core, health_jitter(core, RETRY_BASE_NS, RETRY_CAP_NS, r->failures));
}

/* What waited for the audit. */
static void wake_names(struct core *core, unsigned i)
{
    struct name_slot *slot;
    for (slot = core->names; slot != NULL; slot = slot->hh.next) {
        send_wake(core, &slot->strand, i);
    }
}

void resync_trust_names(struct core *core, unsigned i)
{
    core->instances[i].names_trust = TRUST_OK;
    wake_names(core, i);
}

/* The request in flight may still be carried out, whatever its answer says: not behind a fence. */
static void in_doubt(struct core *core)
{
    if (core->resync->job == JOB_WALK) {
        walk_in_doubt(core);
    } else if (core->resync->job == JOB_AUDIT) {
        audit_in_doubt(core);
    }
}

void resync_done(struct core *core)
{
    struct resync *r = core->resync;
    struct lane *lane = r->lane;
    bool names = r->job == JOB_AUDIT;
    if (r->job == JOB_WALK && !r->repair && !r->told) {
        compared_lane_end(r->compared, lane, false);
    }
    if (r->call != 0) {
        in_doubt(core); /* nobody waits for its answer any more */
    }
    call_drop(core, r->call);
    r->call = 0;
    r->failures = 0;
    r->job = JOB_NONE;
    r->lane = NULL;
    walk_free(r);
    audit_free(r);
    if (lane != NULL) {
        resync_wake_lane(core, lane);
    }
    if (names && !MUTANT(core, MUTANT_NAMES_SLEEP)) {
        wake_names(core, r->target);
    }
}

static enum resync_got classify(const struct core_event *event)
{
    const struct http_head *head = event->u.call_end.head;
    struct str body = block_str(event->u.call_end.body);
    struct json_scan scan;
    struct str message;
    if (event->u.call_end.outcome != CALL_ANSWERED || head == NULL) {
        return GOT_FAILED;
    }
    if (head->status >= 200 && head->status < 300) {
        return json_scan(body, &scan) == 0 ? GOT_OK : GOT_FAILED;
    }
    bool ours = head->status == 401 || head->status == 403 || head->status == 408 || head->status == 429;
    if (head->status < 400 || head->status >= 500 || ours || !verdict_chroma_error(body, &message)) {
        return GOT_FAILED;
    }
    return head->status == 404 ? GOT_ABSENT : head->status == 409 ? GOT_TAKEN : GOT_REFUSED;
}

void resync_end(struct core *core, struct call *call, const struct core_event *event)
{
    struct resync *r = core->resync;
    if (r->call != call->id) {
        return;
    }
    r->call = 0;
    enum resync_got got = classify(event);
    struct block *body = event->u.call_end.body;
    bool understood = r->job == JOB_WALK ? walk_understands(core, body) : audit_understands(core, body);
    if (got == GOT_OK && !understood && !MUTANT(core, MUTANT_NONSENSE_LISTED)) {
        got = GOT_FAILED; /* 2xx, and of another shape: it tells nothing */
    }
    if (got != GOT_FAILED) {
        r->failures = 0;
    }
    if (r->job == JOB_WALK) {
        walk_answer(core, got, body);
    } else if (r->job == JOB_AUDIT) {
        audit_answer(core, got, body);
    }
}

/* ---- what to do next ---- */

static bool usable(const struct core *core, unsigned i)
{
    return health_can_send(core, i);
}

/* Both are in doubt: who is less so has the truth.  Of two alike it is the one that may have been there all
 * the time, if the other has begun anew for certain; else the primary. */
static bool holds_truth(const struct core *core, unsigned i, uint8_t own, uint8_t others)
{
    bool anew = core->instances[i].mark.began_anew;
    if (own == others && anew != core->instances[resync_other(i)].mark.began_anew) {
        return !anew;
    }
    return own < others || (own == others && i == core->primary);
}

static void begin(struct core *core, enum resync_job job, unsigned t, struct lane *lane, bool repair)
{
    struct resync *r = core->resync;
    r->job = job;
    r->target = t;
    r->source = resync_other(t);
    r->returns = core->instances[0].returns + core->instances[1].returns;
    r->repair = repair;
    r->remove = !core->instances[t].keep_extras || (lane != NULL && lane->ours[t]);
    r->lane = lane;
    r->failures = 0;
    if (job == JOB_WALK) {
        r->tried_birth = lane->birth;
        walk_begin(core);
    } else {
        audit_begin(core);
    }
}

/* Names that are decided but not yet so at the source would be missed in its listing. */
static bool names_settled(struct core *core, unsigned s)
{
    const struct name_slot *slot;
    for (slot = core->names; slot != NULL; slot = slot->hh.next) {
        if (slot->strand.backlog[s] > 0) {
            return false;
        }
    }
    return true;
}

bool resync_fences(struct core *core, struct strand *strand, unsigned i)
{
    bool due = strand->fenced[i] && !strand->fence_sent[i] && strand->retry_ns[i] <= core->now_ns;
    if (due && core->instances[i].ambiguous_in_flight == 0) {
        request_fence(core, strand, i);
    }
    return strand->fenced[i];
}

/* A request about a name that was given up may still be carried out: not behind its fence. */
static bool names_fenced(struct core *core, unsigned t)
{
    bool fenced = false;
    struct name_slot *slot;
    for (slot = core->names; slot != NULL; slot = slot->hh.next) {
        bool waits = resync_fences(core, &slot->strand, t);
        fenced = fenced || waits;
    }
    return fenced;
}

/* Without an audit. */
static void believe_names(struct core *core, unsigned t)
{
    if (MUTANT(core, MUTANT_NAMES_SLEEP)) {
        core->instances[t].names_trust = TRUST_OK;
    } else {
        resync_trust_names(core, t);
    }
}

static bool pick_names(struct core *core, unsigned t)
{
    struct instance *target = &core->instances[t];
    struct instance *source = &core->instances[resync_other(t)];
    if (target->names_trust == TRUST_OK) {
        return false;
    }
    if (target->names_trust == TRUST_VERIFY && resync_verified_never(core, t)) {
        believe_names(core, t);
        return false;
    }
    if (target->names_trust == TRUST_VERIFY && resync_patience_is_over(core, t)) {
        reads_unpark_all(core);
    }
    if (holds_truth(core, t, target->names_trust, source->names_trust)) {
        believe_names(core, t);
        return false;
    }
    if (source->names_trust != TRUST_OK || !usable(core, t) || !usable(core, resync_other(t)) ||
        !names_settled(core, resync_other(t)) || names_fenced(core, t)) {
        return false;
    }
    begin(core, JOB_AUDIT, t, NULL, true);
    return true;
}

/* A write about its name is still to come at the source: the collection that stands there may be one that was
 * deleted since, and its copy would stay. */
static bool name_to_come(struct core *core, const struct lane *lane, unsigned s)
{
    const struct name_slot *slot = name_find(core, lane->tenant, lane->database, lane->name);
    return slot != NULL && slot->strand.backlog[s] > 0;
}

/* Could this lane be walked now?  Settles what needs no walk. */
static bool wants_walk(struct core *core, struct lane *lane, unsigned t)
{
    unsigned s = resync_other(t);
    bool verify = lane->trust[t] == TRUST_VERIFY;
    bool late = verify && resync_patience_is_over(core, t);
    bool nothing_there = late && !lane->has_id[s] && !name_to_come(core, lane, s);
    if (lane->dead || nothing_there || (verify && resync_verified_never(core, t)) ||
        holds_truth(core, t, lane->trust[t], lane->trust[s]) || lane->faulty[s]) {
        resync_distrust(core, lane, t, TRUST_OK);
        reads_unpark(core, lane);
        return false;
    }
    if (late) {
        reads_unpark(core, lane);
    }
    if (lane->trust[s] != TRUST_OK || !lane->has_id[s] || name_to_come(core, lane, s) ||
        lane->strand.backlog[s] > (late ? BACKLOG_LATE : BACKLOG_MAX)) {
        return false;
    }
    /* The primary comes to an end with its backlog; the replica always has the last few still to do. */
    return !verify || lane->strand.backlog[t] <= (late ? BACKLOG_LATE : t == core->primary ? 0 : BACKLOG_MAX);
}

static bool pick_lane(struct core *core, unsigned t)
{
    struct instance *instance = &core->instances[t];
    if (instance->names_trust == TRUST_STALE) {
        return false;
    }
    if (resync_lanes_clean(core, t)) {
        instance->unclean = false;
        core->checkpoint_wanted =
            core->checkpoint_wanted || instance->needs_resync; /* tells that it is over */
        instance->needs_resync = false;
        instance->refilled = false;
        instance->keep_extras = instance->keep_extras && instance->only_here > 0;
        if (instance->names_trust == TRUST_OK) {
            timer_set(core, &instance->mark.timer, core->now_ns); /* all is well: say so at once */
        }
        reads_unpark_all(core);
        return false;
    }
    bool both = usable(core, t) && usable(core, resync_other(t));
    struct lane *first = NULL;
    struct lane *chosen = NULL;
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        if (lane->trust[t] != TRUST_OK && wants_walk(core, lane, t) && both) {
            first = first == NULL ? lane : first;
            if (chosen == NULL && lane->birth > core->resync->tried_birth) {
                chosen = lane;
            }
        }
    }
    chosen = chosen == NULL ? first : chosen;
    if (chosen == NULL) {
        return false;
    }
    begin(core, JOB_WALK, t, chosen, true);
    return true;
}

static void say_compared(struct core *core)
{
    struct resync *r = core->resync;
    char equal[24];
    char differing[24];
    (void)snprintf(equal, sizeof(equal), "%llu", (unsigned long long)compared_equal(r->compared));
    (void)snprintf(differing, sizeof(differing), "%llu", (unsigned long long)compared_differing(r->compared));
    core_line(core, compared_differing(r->compared) > 0 ? LOG_WARN : LOG_INFO, "compared", "equal", equal,
              "differing", differing, NULL);
}

void resync_compared(struct json_writer *w, const struct core *core)
{
    const struct resync *r = core->resync;
    char at[25];
    json_object_begin(w);
    json_pair_bool(w, "running", r->comparing);
    compared_put(w, core, r->compared);
    if (r->compared_ms > 0) {
        log_format_time(r->compared_ms, at);
    }
    json_pair_text(w, "finished_at", r->compared_ms > 0 ? at : NULL);
    json_object_end(w);
}

void resync_compare(struct core *core)
{
    struct resync *r = core->resync;
    if (r->job == JOB_WALK && !r->repair) {
        resync_done(core); /* of an earlier comparison */
    }
    r->comparing = core->instance_count > 1;
    r->compared_birth = 0;
    compared_begin(r->compared);
    r->compared_ms = 0;
}

/* One instance does not have it, or it is not known yet by which id. */
static void leave_out_unknown(struct core *core)
{
    const struct lane *lane;
    for (lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        if (!lane->dead && !(lane->has_id[0] && lane->has_id[1])) {
            compared_left_out(core->resync->compared, lane, "not known to be on both instances");
        }
    }
}

/* Lanes in the order of their births, those only that both instances are trusted with. */
static bool pick_comparison(struct core *core)
{
    struct resync *r = core->resync;
    unsigned s = core->primary;
    unsigned t = resync_other(s);
    if (!r->comparing || !usable(core, s) || !usable(core, t)) {
        return false;
    }
    struct lane *chosen = NULL;
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        bool due = lane->birth > r->compared_birth && !lane->dead && lane->has_id[s] && lane->has_id[t];
        if (due && (chosen == NULL || lane->birth < chosen->birth)) {
            chosen = lane;
        }
    }
    if (chosen == NULL) {
        leave_out_unknown(core);
        r->comparing = false;
        r->compared_ms = core->wall_ms;
        say_compared(core);
        return false;
    }
    r->compared_birth = chosen->birth;
    r->told = false;
    compared_lane_begin(r->compared);
    begin(core, JOB_WALK, t, chosen, false);
    return true;
}

static bool pick(struct core *core)
{
    bool clean = true;
    for (unsigned turn = 0; turn < core->instance_count; turn++) {
        unsigned t = (core->primary + turn) % core->instance_count;
        if (resync_is_clean(core, t) && !core->instances[t].unclean) {
            continue;
        }
        if (pick_names(core, t) || pick_lane(core, t)) {
            return true;
        }
        clean = clean && resync_is_clean(core, t);
    }
    if (pick_comparison(core)) {
        return true;
    }
    if (!clean || core->resync->comparing) {
        resync_rest(core, PICK_POLL_NS);
    }
    return false;
}

static bool still_there(const struct core *core)
{
    const struct resync *r = core->resync;
    return r->returns == core->instances[0].returns + core->instances[1].returns &&
           health_can_read(core, r->target) && health_can_read(core, r->source);
}

void resync_run(struct core *core)
{
    struct resync *r = core->resync;
    while (core->instance_count > 1 && !core->log_failed && !core->draining && r->call == 0 && !r->resting) {
        if (r->job != JOB_NONE && !still_there(core)) {
            resync_done(core);
        }
        if (r->job == JOB_NONE && !pick(core)) {
            return;
        }
        if (r->job == JOB_WALK) {
            walk_next(core);
        } else {
            audit_next(core);
        }
    }
}

/* ---- /status ---- */

void resync_status(struct json_writer *w, const struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    uint64_t waiting = 0;
    const struct lane *lane;
    json_key(w, "resync");
    if (resync_is_clean(core, i)) {
        json_put_null(w);
        return;
    }
    for (lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        waiting += !lane->dead && lane->trust[i] != TRUST_OK ? 1 : 0;
    }
    json_object_begin(w);
    json_pair_text(w, "names", instance->names_trust == TRUST_OK ? "done" : "waiting");
    json_pair_u64(w, "collections_done", instance->copied_collections);
    json_pair_u64(w, "collections_waiting", waiting);
    json_pair_u64(w, "records_copied", instance->copied_records);
    json_pair_u64(w, "records_removed", instance->removed_records);
    json_pair_u64(w, "only_here", instance->only_here);
    json_object_end(w);
}
