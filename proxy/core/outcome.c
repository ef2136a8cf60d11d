#include "proxy/core/outcome.h"

#include "base/check.h"
#include "base/units.h"
#include "proxy/core/batch.h"
#include "proxy/core/calls.h"
#include "proxy/core/clients.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/payload.h"
#include "proxy/core/learn.h"
#include "proxy/core/pace.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/side_effect.h"
#include "proxy/core/verdict.h"
#include "proxy/core/writes.h"

#define RETRY_AFTER_DEFAULT_NS (1 * NS_PER_S)

struct answer {
    int status;
    struct str body;
    const struct http_head *head;
};

static struct answer answer_of(const struct core_event *event)
{
    struct answer a = { 0 };
    if (event->u.call_end.outcome == CALL_ANSWERED && event->u.call_end.head != NULL) {
        a.head = event->u.call_end.head;
        a.status = a.head->status;
        a.body = block_str(event->u.call_end.body);
    }
    return a;
}

/* Rule 14: the others are to hold what the client was shown, whatever it had asked for. */
static struct block *shown_create(const struct core *core, const struct entry *entry, struct str object)
{
    struct record_write record;
    if (core->instance_count < 2 || !record_write_decode(block_str(entry->near->meta), &record)) {
        return NULL;
    }
    return learn_create_body(object, record.get_or_create);
}

/* The answer as the client gets it: ids translated, hop-by-hop headers dropped. */
static void fill_decision(struct core *core, struct decision *decision, const struct entry *entry,
                          unsigned by, const struct answer *a)
{
    decision->by = by;
    decision->status = a->status;
    decision->reason = a->body;
    struct client *client = writes_client(core, entry);
    if (client != NULL) {
        decision->headers = learn_answer_headers(client, a->head, by != core->primary && a->status < 300);
        decision->body = learn_rewrite(core, by, a->body);
    }
    if (entry->op == OP_COLLECTION_CREATE && a->status < 300) {
        decision->has_uuid = learn_object_id(a->body, &decision->uuid);
        decision->shown = shown_create(core, entry, a->body);
    }
}

/* ---- what happens to all that one request carried ---- */

/* Undecided ones ask the next instance; it may decide them at once, so the call is not to be used behind. */
static void ask_next(struct core *core, struct call *call)
{
    for (size_t k = 0; k < call->member_count; k++) {
        struct entry *entry = call->members[k];
        if (entry->fate == FATE_UNDECIDED && entry->near->asker == call->instance) {
            entry_ask(core, entry);
        }
    }
}

/* Members of a joined request share their only strand; a request alone may stand in several. */
static void retry_strands(struct core *core, const struct call *call, uint64_t at_least_ns)
{
    struct entry *entry = call->members[0];
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        send_retry_later(core, entry_strand(entry, k), call->instance, at_least_ns);
    }
}

static void wake(struct core *core, const struct call *call)
{
    send_wake_entry(core, call->members[0], call->instance);
}

/* Rule 9: answers of 5xx cost attempts; past the limit a write is failed, still pending, still retried. */
static void count_attempt(struct core *core, struct entry *entry, unsigned i)
{
    if (entry->attempts[i] < UINT8_MAX) {
        entry->attempts[i]++;
    }
    if (entry->fate == FATE_ACCEPTED && entry->attempts[i] >= core->settings.replay_max_attempts &&
        !entry->failed[i]) {
        entry->failed[i] = true;
        core->instances[i].failed++;
        core->stats.failed_total++;
    }
}

static void count_attempts(struct core *core, const struct call *call)
{
    for (size_t k = 0; k < call->member_count; k++) {
        count_attempt(core, call->members[k], call->instance);
    }
}

static void mark_maybe_sent(const struct call *call)
{
    for (size_t k = 0; k < call->member_count; k++) {
        call->members[k]->maybe_sent[call->instance] = true;
    }
}

static uint64_t retry_after_ns(const struct answer *a)
{
    struct str value = http_header_find(a->head->headers, a->head->header_count, "retry-after");
    uint64_t ns = 0;
    if (value.data == NULL || units_parse_duration(value, NS_PER_S, &ns, NULL) != 0) {
        return RETRY_AFTER_DEFAULT_NS;
    }
    return ns;
}

/* ---- verdicts ---- */

static void applied_one(struct core *core, struct entry *entry, unsigned i, const struct answer *a)
{
    batch_learn_dimension(entry);
    if (entry->fate == FATE_UNDECIDED) {
        struct decision decision = { 0 };
        fill_decision(core, &decision, entry, i, a);
        entry_accept(core, entry, &decision);
        return;
    }
    struct uuid uuid;
    bool has_uuid = entry->op == OP_COLLECTION_CREATE && learn_object_id(a->body, &uuid);
    if (entry->refused) { /* it took what the client was told is refused */
        resync_lane_diverged(core, entry->lane, i);
    }
    mutant_replayed(core, entry, i);
    entry_applied(core, entry, i, has_uuid ? &uuid : NULL);
}

static void applied(struct core *core, struct call *call, const struct answer *a)
{
    unsigned i = call->instance;
    const struct entry *first = call->members[0];
    health_success(core, i);
    pace_succeeded(core, call);
    for (unsigned k = 0; k < entry_strands(first); k++) {
        entry_strand(first, k)->failures[i] = 0;
    }
    batch_succeeded(call);
    for (size_t k = 0; k < call->member_count; k++) {
        applied_one(core, call->members[k], i, a);
    }
}

static uint64_t body_bytes(const struct call *call)
{
    uint64_t bytes = 0;
    for (size_t k = 0; k < call->member_count; k++) {
        bytes += block_str(call->members[k]->near->body).size;
    }
    return bytes;
}

/* Rule 8: refused, and yet it may have fixed the dimension there. */
static bool leaves_something(const struct core *core, const struct entry *entry, int status)
{
    return status == 400 && core->instance_count > 1 && entry->lane != NULL && entry->lane->dimension == 0 &&
           !entry->near->redriven && payload_is_here(entry) &&
           side_effect_of((enum chroma_op)entry->op, block_str(entry->near->body)) &&
           !MUTANT(core, MUTANT_SIDE_EFFECT_FORGOTTEN);
}

/* Only a refusal of a request sent alone says something about a write. */
static void rejected(struct core *core, struct call *call, const struct answer *a)
{
    struct entry *entry = call->members[0];
    unsigned i = call->instance;
    if (call->member_count > 1) {
        batch_refused(call);
        mutant_split(core, call);
        if (a->status == 413) {
            pace_too_large(core, i, body_bytes(call));
        }
        wake(core, call);
        return;
    }
    if (entry->fate == FATE_UNDECIDED) {
        struct decision decision = { 0 };
        fill_decision(core, &decision, entry, i, a);
        decision.kept = leaves_something(core, entry, a->status);
        entry_reject(core, entry, &decision);
        return;
    }
    if (entry->refused) {
        entry_applied(core, entry, i, NULL);
        return;
    }
    if (MUTANT(core, MUTANT_POISON_BLOCKS)) {
        retry_strands(core, call, MUTANT_NEVER_NS);
        return;
    }
    entry_dead(core, entry, i, a->status, a->body);
}

static void trouble(struct core *core, const struct call *call, enum pace_trouble kind, uint64_t at_least_ns)
{
    if (pace_failed(core, call, call->timed_out ? PACE_LATE : kind)) {
        health_backoff(core, call->instance, at_least_ns);
    }
}

static void ambiguous(struct core *core, struct call *call, enum pace_trouble kind)
{
    unsigned i = call->instance;
    if (mutant_believes_silence(core, call)) {
        return;
    }
    mark_maybe_sent(call);
    batch_repeat(call);
    if (MUTANT(core, MUTANT_NO_FENCE)) {
        wake(core, call);
    } else {
        writes_fence(call->members[0], i);
        retry_strands(core, call, 0);
    }
    ask_next(core, call); /* after which members may be over */
    trouble(core, call, kind, 0);
}

static void transient(struct core *core, struct call *call, uint64_t at_least_ns, bool costs)
{
    if (costs) {
        mark_maybe_sent(call);
        count_attempts(core, call);
        batch_repeat(call);
    }
    retry_strands(core, call, at_least_ns);
    ask_next(core, call); /* after which members may be over */
    trouble(core, call, PACE_REFUSED, at_least_ns);
}

static void lane_fault(struct core *core, struct call *call)
{
    struct lane *lane = call->members[0]->lane;
    unsigned i = call->instance;
    if (lane != NULL) {
        lane->faulty[i] = true;
        core->instances[i].trouble = "does not have a collection it is known to have had";
    }
    retry_strands(core, call, NS_PER_S);
    ask_next(core, call);
    if (lane != NULL) {
        resync_lane_missing(core, lane, i);
    }
}

static bool any_undecided(const struct call *call)
{
    for (size_t k = 0; k < call->member_count; k++) {
        if (call->members[k]->fate == FATE_UNDECIDED) {
            return true;
        }
    }
    return false;
}

/* 401 and 403: a client's own credentials are its own affair; ours pause the instance. */
static void denied(struct core *core, struct call *call, const struct answer *a)
{
    if (any_undecided(call)) {
        rejected(core, call, a);
        return;
    }
    retry_strands(core, call, NS_PER_S);
    health_pause(core, call->instance);
}

/* Rule 12. */
static void taken(struct core *core, struct call *call, const struct answer *a)
{
    struct entry *entry = call->members[0];
    if (entry->fate == FATE_UNDECIDED) {
        rejected(core, call, a);
    } else if (entry->op == OP_COLLECTION_CREATE) {
        learn_check_name(core, entry, call->instance);
    } else {
        entry_applied(core, entry, call->instance, NULL);
    }
}

static void not_sent(struct core *core, struct call *call)
{
    wake(core, call);
    ask_next(core, call);
}

static void judge(struct core *core, struct call *call, const struct answer *a)
{
    enum chroma_op op = (enum chroma_op)call->members[0]->op;
    enum verdict_of_write verdict = verdict_of(op, a->status, a->body, writes_by_uuid(op));
    switch (mutant_verdict(core, call, a->status, verdict)) {
        case WRITE_APPLIED:
            applied(core, call, a);
            break;
        case WRITE_REJECTED:
            rejected(core, call, a);
            break;
        case WRITE_TRANSIENT:
            transient(core, call, 0, true);
            break;
        case WRITE_BUSY:
            transient(core, call, retry_after_ns(a), false);
            break;
        case WRITE_AMBIGUOUS:
            if (a->status >= 500) {
                count_attempts(core, call);
            }
            ambiguous(core, call, PACE_REFUSED);
            break;
        case WRITE_LANE_FAULT:
            lane_fault(core, call);
            break;
        case WRITE_DENIED:
            denied(core, call, a);
            break;
        case WRITE_FOREIGN:
            transient(core, call, 0, true);
            health_evidence(core, call->instance, "an answer that is not Chroma's");
            break;
        case WRITE_TAKEN:
            taken(core, call, a);
            break;
        case WRITE_ABSENT:
            if (call->members[0]->fate == FATE_UNDECIDED) {
                rejected(core, call, a);
            } else {
                entry_applied(core, call->members[0], call->instance, NULL);
            }
            break;
    }
}

void outcome_write(struct core *core, struct call *call, const struct core_event *event)
{
    unsigned i = call->instance;
    struct instance *instance = &core->instances[i];
    instance->writes_in_flight--;
    bool leaks = MUTANT(core, MUTANT_WINDOW_LEAKS) && call->timed_out;
    instance->replays_in_flight -= call->was_replay && !leaks ? 1 : 0;
    instance->ambiguous_in_flight -= call->was_ambiguous ? 1 : 0;
    for (size_t k = 0; k < call->member_count; k++) {
        CHECK(call->members[k]->at[i] == AT_SENT);
        call->members[k]->at[i] = AT_WAITING;
        payload_loosen(core, call->members[k], true);
    }
    struct answer a = answer_of(event);
    if (a.head != NULL) {
        judge(core, call, &a);
    } else if (event->u.call_end.outcome == CALL_REFUSED || !event->u.call_end.bytes_left) {
        not_sent(core, call);
    } else {
        ambiguous(core, call, PACE_BROKEN);
    }
}

void outcome_fence(struct core *core, struct call *call, const struct core_event *event)
{
    struct strand *strand = call->strand;
    struct lane *lane = strand->lane;
    unsigned i = call->instance;
    strand->fence_sent[i] = false;
    core->instances[i].ambiguous_in_flight--;
    struct answer a = answer_of(event);
    struct str message;
    /* A server too old to know the route cannot be fenced by name; the old connection is closed. */
    bool no_such_route = lane == NULL && (a.status == 404 || a.status == 405);
    if ((a.status >= 200 && a.status < 300) || no_such_route || MUTANT(core, MUTANT_FENCE_ANY_ANSWER)) {
        strand->fenced[i] = false;
        strand->failures[i] = 0;
        send_wake(core, strand, i);
        return;
    }
    if (lane != NULL && a.status == 404 && verdict_chroma_error(a.body, &message)) {
        strand->fenced[i] = false; /* no collection, no ghost in it */
        resync_lane_missing(core, lane, i);
    }
    send_retry_later(core, strand, i, 0);
}

/* GET C/{name} before a repeated delete, after a 409 to a create, or to learn an id. */
void outcome_name(struct core *core, struct call *call, const struct core_event *event)
{
    struct answer a = answer_of(event);
    if (call->entry == NULL) {
        learn_id_end(core, call, a.status, a.body);
        return;
    }
    struct entry *entry = call->entry;
    unsigned i = call->instance;
    core->instances[i].writes_in_flight--;
    entry->at[i] = AT_WAITING;
    struct uuid uuid;
    struct str message;
    bool found = a.status == 200 && learn_object_id(a.body, &uuid);
    bool absent = a.status == 404 && verdict_chroma_error(a.body, &message);
    if (entry->op == OP_COLLECTION_CREATE && found) {
        entry_applied(core, entry, i, &uuid);
    } else if (entry->op == OP_COLLECTION_DELETE && absent && entry->fate == FATE_ACCEPTED) {
        entry_applied(core, entry, i, NULL);
    } else if (entry->op == OP_COLLECTION_DELETE && found) {
        const struct lane *lane = entry->lane;
        const struct lane *standing = lane_by_uuid(core, &uuid);
        /* What a create before it has made again, it deletes as well (decide.c). */
        bool its_own = standing != NULL && standing->named_lsn < entry->lsn;
        bool other = lane != NULL && lane->has_id[i] && !uuid_equal(&lane->ids[i], &uuid) && !its_own;
        if (other && entry->fate == FATE_ACCEPTED) {
            entry_applied(core, entry, i, NULL);
        } else {
            entry->near->checked[i] = true;
            send_wake_entry(core, entry, i);
        }
    } else {
        for (unsigned k = 0; k < entry_strands(entry); k++) {
            send_retry_later(core, entry_strand(entry, k), i, 0);
        }
        if (entry->fate == FATE_UNDECIDED && entry->near->asker == i) {
            entry_ask(core, entry);
        }
    }
}
