#include "proxy/core/outcome.h"

#include "base/check.h"
#include "base/units.h"
#include "proxy/core/calls.h"
#include "proxy/core/clients.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/payload.h"
#include "proxy/core/learn.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
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

static void ask_next(struct core *core, struct entry *entry, unsigned i)
{
    if (entry->fate == FATE_UNDECIDED && entry->near->asker == i) {
        entry_ask(core, entry);
    }
}

static void retry_strands(struct core *core, struct entry *entry, unsigned i, uint64_t at_least_ns)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        send_retry_later(core, entry_strand(entry, k), i, at_least_ns);
    }
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

static void applied(struct core *core, struct entry *entry, unsigned i, const struct answer *a)
{
    struct instance *instance = &core->instances[i];
    health_success(core, i);
    instance->replay_window = instance->replay_window >= 16 ? 16 : instance->replay_window + 0.25;
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        entry_strand(entry, k)->failures[i] = 0;
    }
    if (entry->fate == FATE_UNDECIDED) {
        struct decision decision = { 0 };
        fill_decision(core, &decision, entry, i, a);
        entry_accept(core, entry, &decision);
        return;
    }
    struct uuid uuid;
    bool has_uuid = entry->op == OP_COLLECTION_CREATE && learn_object_id(a->body, &uuid);
    entry_applied(core, entry, i, has_uuid ? &uuid : NULL);
}

static void rejected(struct core *core, struct entry *entry, unsigned i, const struct answer *a)
{
    if (entry->fate == FATE_UNDECIDED) {
        struct decision decision = { 0 };
        fill_decision(core, &decision, entry, i, a);
        entry_reject(core, entry, &decision);
        return;
    }
    entry_dead(core, entry, i, a->status, a->body);
}

static void ambiguous(struct core *core, struct entry *entry, unsigned i)
{
    entry->maybe_sent[i] = true;
    if (MUTANT(core, MUTANT_NO_FENCE)) {
        send_wake_entry(core, entry, i);
    } else {
        writes_fence(entry, i);
        retry_strands(core, entry, i, 0);
    }
    health_backoff(core, i);
    ask_next(core, entry, i);
}

static void transient(struct core *core, struct entry *entry, unsigned i, uint64_t at_least_ns, bool costs)
{
    entry->maybe_sent[i] = entry->maybe_sent[i] || costs;
    if (costs) {
        count_attempt(core, entry, i);
    }
    retry_strands(core, entry, i, at_least_ns);
    health_backoff(core, i);
    ask_next(core, entry, i);
}

static void lane_fault(struct core *core, struct entry *entry, unsigned i)
{
    struct lane *lane = entry->lane;
    if (lane != NULL) {
        lane->faulty[i] = true;
        core->instances[i].trouble = "does not have a collection it is known to have had";
    }
    retry_strands(core, entry, i, NS_PER_S);
    ask_next(core, entry, i); /* after which the entry may be over */
    if (lane != NULL) {
        resync_lane_missing(core, lane, i);
    }
}

/* 401 and 403: a client's own credentials are its own affair; ours pause the instance. */
static void denied(struct core *core, struct entry *entry, unsigned i, const struct answer *a)
{
    if (entry->fate == FATE_UNDECIDED) {
        rejected(core, entry, i, a);
        return;
    }
    retry_strands(core, entry, i, NS_PER_S);
    health_pause(core, i);
}

/* Rule 12. */
static void taken(struct core *core, struct entry *entry, unsigned i, const struct answer *a)
{
    if (entry->fate == FATE_UNDECIDED) {
        rejected(core, entry, i, a);
    } else if (entry->op == OP_COLLECTION_CREATE) {
        learn_check_name(core, entry, i);
    } else {
        entry_applied(core, entry, i, NULL);
    }
}

static void not_sent(struct core *core, struct entry *entry, unsigned i)
{
    send_wake_entry(core, entry, i);
    ask_next(core, entry, i);
}

static void judge(struct core *core, struct entry *entry, unsigned i, const struct answer *a)
{
    bool by_uuid = writes_by_uuid((enum chroma_op)entry->op);
    switch (verdict_of((enum chroma_op)entry->op, a->status, a->body, by_uuid)) {
        case WRITE_APPLIED:
            applied(core, entry, i, a);
            break;
        case WRITE_REJECTED:
            rejected(core, entry, i, a);
            break;
        case WRITE_TRANSIENT:
            transient(core, entry, i, 0, true);
            break;
        case WRITE_BUSY:
            transient(core, entry, i, retry_after_ns(a), false);
            break;
        case WRITE_AMBIGUOUS:
            if (a->status >= 500) {
                count_attempt(core, entry, i);
            }
            ambiguous(core, entry, i);
            break;
        case WRITE_LANE_FAULT:
            lane_fault(core, entry, i);
            break;
        case WRITE_DENIED:
            denied(core, entry, i, a);
            break;
        case WRITE_FOREIGN:
            transient(core, entry, i, 0, true); /* after which the entry may be over */
            health_evidence(core, i, "an answer that is not Chroma's");
            break;
        case WRITE_TAKEN:
            taken(core, entry, i, a);
            break;
        case WRITE_ABSENT:
            if (entry->fate == FATE_UNDECIDED) {
                rejected(core, entry, i, a);
            } else {
                entry_applied(core, entry, i, NULL);
            }
            break;
    }
}

void outcome_write(struct core *core, struct call *call, const struct core_event *event)
{
    struct entry *entry = call->entry;
    unsigned i = call->instance;
    struct instance *instance = &core->instances[i];
    CHECK(entry->at[i] == AT_SENT);
    instance->writes_in_flight--;
    instance->replays_in_flight -= call->was_replay ? 1 : 0;
    instance->ambiguous_in_flight -= call->was_ambiguous ? 1 : 0;
    entry->at[i] = AT_WAITING;
    payload_loosen(core, entry, true);
    struct answer a = answer_of(event);
    if (a.head != NULL) {
        judge(core, entry, i, &a);
    } else if (event->u.call_end.outcome == CALL_REFUSED || !event->u.call_end.bytes_left) {
        not_sent(core, entry, i);
    } else {
        ambiguous(core, entry, i);
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
    if ((a.status >= 200 && a.status < 300) || no_such_route) {
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
        bool other = lane != NULL && lane->has_id[i] && !uuid_equal(&lane->ids[i], &uuid);
        if (other && entry->fate == FATE_ACCEPTED) {
            entry_applied(core, entry, i, NULL);
        } else {
            entry->near->checked[i] = true;
            send_wake_entry(core, entry, i);
        }
    } else {
        retry_strands(core, entry, i, 0);
        ask_next(core, entry, i);
    }
}
