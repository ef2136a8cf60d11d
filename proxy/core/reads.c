#include "proxy/core/reads.h"

#include "base/check.h"
#include "proxy/core/calls.h"
#include "proxy/core/clients.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/learn.h"
#include "proxy/core/listing.h"
#include "proxy/core/resync.h"
#include "proxy/core/strands.h"
#include "proxy/core/submit.h"
#include "proxy/core/trail.h"
#include "proxy/core/verdict.h"
#include "proxy/core/writes.h"

#define SHARE_UNIT 1000000
#define NAME_BYTES 2048

/* ---- who may answer ---- */

/* up_to: the last write that was acknowledged when the read came. */
static bool qualifies_by_strand(const struct core *core, const struct strand *strand, unsigned i,
                                uint64_t up_to)
{
    bool in_window = strand->ever_acked &&
                     core->now_ns - strand->last_ack_ns <
                         core->settings.consistency_window_ns / (MUTANT(core, MUTANT_WINDOW_SHORT) ? 4 : 1);
    return !in_window || MUTANT(core, MUTANT_STALE_READ) || strand_has_reached(strand, i, up_to);
}

static bool lane_qualifies(const struct core *core, const struct client *client, unsigned i)
{
    const struct lane *lane = client->lane;
    return lane->has_id[i] && !lane->faulty[i] && !lane->divergent[i] && !lane_catches_up(lane, i) &&
           lane->unread_ns[i] <= core->now_ns && resync_lane_readable(core, lane, i) &&
           qualifies_by_strand(core, &lane->strand, i, client->acked_lsn);
}

/* The collection that GET C/{name} means, as far as it is known. */
static struct lane *lane_of_name(struct core *core, const struct client *client)
{
    char texts[3][NAME_BYTES];
    size_t sizes[3] = { 0 };
    const struct str raw[3] = { client->route.tenant, client->route.database, client->route.collection };
    for (size_t k = 0; k < 3; k++) {
        if (!http_percent_decode(raw[k], texts[k], NAME_BYTES, &sizes[k])) {
            return NULL;
        }
    }
    struct name_slot *slot = name_find(core, str_make(texts[0], sizes[0]), str_make(texts[1], sizes[1]),
                                       str_make(texts[2], sizes[2]));
    return slot == NULL ? NULL : slot->lane;
}

static bool qualifies(struct core *core, const struct client *client, unsigned i)
{
    if (core->instances[i].needs_resync) {
        return false;
    }
    if (client->lane != NULL) {
        return lane_qualifies(core, client, i);
    }
    if (client->route.op == OP_COLLECTION_GET) {
        const struct lane *lane = lane_of_name(core, client);
        if (lane != NULL && (lane_catches_up(lane, i) ||
                             !qualifies_by_strand(core, &lane->strand, i, lane->strand.last_ack_lsn))) {
            return false; /* its metadata and dimension are written like its records */
        }
    }
    return listing_current(core, client, i);
}

/* Smooth weighted choice (nginx's): over any stretch of reads the shares are the configured ones. */
static unsigned by_ratio(struct core *core)
{
    int64_t share = (int64_t)(core->settings.read_replica_ratio * SHARE_UNIT);
    unsigned replica = 1 - core->primary;
    core->instances[core->primary].weight += SHARE_UNIT - share;
    core->instances[replica].weight += share;
    unsigned chosen =
        core->instances[replica].weight > core->instances[core->primary].weight ? replica : core->primary;
    core->instances[chosen].weight -= SHARE_UNIT;
    return chosen;
}

static unsigned choose(struct core *core, struct client *client)
{
    if (client->wish == INSTANCE_NONE) {
        client->wish = core->instance_count == 1 ? 0 : by_ratio(core);
    }
    unsigned fallback = INSTANCE_NONE;
    bool overridden = false;
    for (unsigned turn = 0; turn < core->instance_count; turn++) {
        unsigned i = (client->wish + turn) % core->instance_count;
        if ((client->tried & (1u << i)) != 0) {
            continue;
        }
        if (!qualifies(core, client, i)) {
            overridden = turn == 0 && health_can_read(core, i);
            continue;
        }
        if (health_can_read(core, i)) {
            core->stats.overrides += overridden ? 1 : 0;
            return i;
        }
        if (fallback == INSTANCE_NONE && core->instances[i].state == INSTANCE_SUSPECT) {
            fallback = i; /* better a suspect than no answer */
        }
    }
    return fallback;
}

/* ---- parking ---- */

static struct client **parking(struct core *core, struct lane *lane)
{
    return lane == NULL ? &core->parked : &lane->parked;
}

static void park(struct core *core, struct client *client)
{
    struct client **head = parking(core, client->lane);
    client->stage = STAGE_PARKED;
    client->next_parked = *head;
    *head = client;
}

static void unpark_one(struct core *core, const struct client *client)
{
    struct client **at = parking(core, client->lane);
    while (*at != NULL && *at != client) {
        at = &(*at)->next_parked;
    }
    CHECK(*at != NULL);
    *at = client->next_parked;
}

void reads_unpark(struct core *core, struct lane *lane)
{
    struct client **head = parking(core, lane);
    struct client *client = *head;
    *head = NULL;
    while (client != NULL) {
        struct client *next = client->next_parked;
        client->next_parked = NULL;
        client->stage = STAGE_COLLECT;
        read_route(core, client);
        client = next;
    }
}

void reads_unpark_all(struct core *core)
{
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        reads_unpark(core, lane);
    }
    reads_unpark(core, NULL);
}

/* ---- sending ---- */

/* Should this attempt fail, another instance could be asked, now or as soon as it has caught up. */
static bool another_could(const struct core *core, const struct client *client, unsigned i)
{
    const struct lane *lane = client->lane;
    for (unsigned k = 0; k < core->instance_count; k++) {
        bool readable = lane == NULL || (lane->has_id[k] && !lane->faulty[k] && !lane->divergent[k] &&
                                         resync_lane_readable(core, lane, k));
        if (k != i && (client->tried & (1u << k)) == 0 && health_can_read(core, k) && readable) {
            return true;
        }
    }
    return false;
}

/* Rule 18.  The last that can be asked has nearly all that is left: it is to be found late before its client
 * is told so. */
static uint64_t attempt_timeout(const struct core *core, const struct client *client, unsigned i)
{
    uint64_t first_ns = call_first_timeout(core, 0);
    uint64_t left_ns = client->deadline_ns > core->now_ns ? client->deadline_ns - core->now_ns : 0;
    left_ns -= left_ns / 16;
    return another_could(core, client, i) || left_ns < first_ns ? first_ns : left_ns;
}

static void send_read(struct core *core, struct client *client, unsigned i, enum call_kind kind)
{
    struct buf target;
    buf_init(&target, (size_t)1 << 20);
    struct str text = client->target;
    if (client->lane != NULL) {
        char id[UUID_TEXT_SIZE + 1];
        uuid_format(&client->lane->ids[i], id);
        learn_build_target(&target, &client->route, str_of(id));
        text = buf_str(&target);
    } else if (client->route.short_path || client->route.op == OP_COLLECTION_LIST) {
        struct chroma_route route = client->route;
        if (route.op == OP_COLLECTION_LIST) {
            route.query = STR(""); /* rule 17: whole, then sliced */
        }
        learn_build_target(&target, &route, route.collection);
        text = buf_str(&target);
    }
    client->tried |= 1u << i;
    client->stage = STAGE_READ;
    struct call_spec spec = {
        .kind = kind,
        .instance = i,
        .method = client->method,
        .target = text,
        .content_type = client->content_type,
        .request_id = client->request_id,
        .by_client = true,
        .header_lines = client->header_lines,
        .body = client->body,
        .head_first = true,
        .fresh = kind == CALL_PASS,
        .timeout_ns = kind == CALL_PASS ? call_timeout_floor(core, core->settings.request_timeout_ns)
                                        : attempt_timeout(core, client, i),
    };
    struct call *call = call_start(core, &spec);
    buf_deinit(&target);
    call->client = client->id;
    client->call = call->id;
}

static void none_answers(struct core *core, struct client *client)
{
    client_reply_error(core, client, 503, "ServiceUnavailable", "no instance can answer this read now", 1);
}

static bool find_lane(struct core *core, struct client *client)
{
    struct uuid uuid;
    enum chroma_op op = client->route.op;
    if (!chroma_op_is_record(op) || client->lane != NULL || !uuid_parse(client->route.collection, &uuid)) {
        return true;
    }
    struct lane *lane = lane_by_uuid(core, &uuid);
    if (lane == NULL && !client->learned) {
        learn_collections(core, client);
        return false;
    }
    if (lane == NULL || lane->dead) {
        submit_unknown(core, client, lane, &uuid);
        return false;
    }
    client->lane = lane;
    client->acked_lsn = lane->strand.last_ack_lsn;
    return true;
}

/* Reads of records wait for any instance, those by name for one that is up but not current. */
static bool may_qualify_later(struct core *core, const struct client *client)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        bool worth =
            client->lane != NULL ? core->instances[i].state != INSTANCE_PAUSED : health_can_read(core, i);
        if ((client->tried & (1u << i)) == 0 && worth) {
            return true;
        }
    }
    return false;
}

/* To the best instance, or to the one that qualifies next. */
static void send_or_park(struct core *core, struct client *client)
{
    unsigned i = choose(core, client);
    if (i != INSTANCE_NONE) {
        core->tally.failovers += client->tried != 0 ? 1 : 0;
        send_read(core, client, i, CALL_READ);
    } else if (may_qualify_later(core, client)) {
        park(core, client);
    } else {
        none_answers(core, client);
    }
}

void read_route(struct core *core, struct client *client)
{
    if (client->route.op == OP_UNKNOWN && !str_equal(client->method, STR("GET")) &&
        !str_equal(client->method, STR("HEAD"))) {
        core->stats.unreplicated++;
        trail_unreplicated(core, client);
        read_pass(core, client);
        return;
    }
    if (!find_lane(core, client)) {
        return;
    }
    if (client->route.op == OP_COLLECTION_LIST && !listing_is_understood(client)) {
        client->route.op = OP_UNKNOWN; /* as it came: refused in Chroma's own words */
    }
    send_or_park(core, client);
}

void read_pass(struct core *core, struct client *client)
{
    unsigned i = core->primary;
    enum chroma_op op = client->route.op;
    bool sure = chroma_op_is_write(op) && op != OP_COLLECTION_FORK;
    if (!health_can_read(core, i) && core->instance_count > 1 && sure) {
        i = 1 - i; /* a request that is sure to be refused is refused by whoever is there */
    }
    client->tried = (1u << core->instance_count) - 1;
    send_read(core, client, i, CALL_PASS);
}

/* ---- answers ---- */

static void try_another(struct core *core, struct client *client)
{
    client->call = 0;
    client->stage = STAGE_COLLECT;
    send_or_park(core, client);
}

static bool unavailable(int status)
{
    return status == 502 || status == 503 || status == 504;
}

static bool holds_ids(enum chroma_op op)
{
    return op == OP_COLLECTION_GET || op == OP_COLLECTION_LIST;
}

void read_head(struct core *core, struct call *call, const struct http_head *head)
{
    struct client *client = client_find(core, call->client);
    if (client == NULL) {
        call_drop(core, call->id);
        return;
    }
    if (call->kind == CALL_READ && unavailable(head->status)) {
        call_drop(core, call->id);
        try_another(core, client);
        return;
    }
    call->status = head->status;
    call->headers = learn_answer_headers(client, head, false);
    if (head->status >= 300 || holds_ids(client->route.op)) {
        struct core_action *action = core_push(core, CORE_ACT_CALL_COLLECT);
        action->u.call_collect.call = call->id;
        action->u.call_collect.limit = ANSWER_LIMIT_LISTING;
        return;
    }
    client->stage = STAGE_RELAY;
    timer_stop(core, &client->timer);
    timer_stop(core, &call->timer); /* a long answer may take its time; the adapter bounds a stalled one */
    tally_answer(core, client, head->status);
    struct core_action *action = core_push(core, CORE_ACT_RELAY);
    action->u.relay.client = client->id;
    action->u.relay.call = call->id;
    action->u.relay.headers = client_headers(client, NULL, false, 0);
}

/* 404 for a mapped UUID is the instance's fault and never an answer (rule 5), and a page of a platform in
 * between is not Chroma's word on anything (rule 3). */
static bool is_fault_404(struct core *core, struct client *client, const struct call *call, struct str body)
{
    enum chroma_op op = client->route.op;
    bool by_name = op == OP_COLLECTION_GET || op == OP_DATABASE_GET || op == OP_TENANT_GET;
    struct str message;
    if (MUTANT(core, MUTANT_FAULT_IS_READ) || call->kind != CALL_READ || call->status != 404 ||
        (client->lane == NULL && !by_name)) {
        return false;
    }
    if (!verdict_chroma_error(body, &message)) {
        health_evidence(core, call->instance, "an answer that is not Chroma's");
        return true;
    }
    if (client->lane != NULL) {
        resync_lane_missing(core, client->lane, call->instance);
    }
    return client->lane != NULL;
}

static void answer_collected(struct core *core, struct client *client, struct call *call, struct str body)
{
    if (is_fault_404(core, client, call, body)) {
        try_another(core, client);
        return;
    }
    uint64_t known = core->next_lsn;
    if (call->status == 200 && holds_ids(client->route.op)) {
        bool ours = call->instance == core->primary || client->learned;
        if (!ours && listing_is_news(core, client, body)) {
            client->tried = 0;
            learn_collections(core, client); /* ids are the primary's wherever it has one; then once more */
            return;
        }
        listing_learn(core, client, call->instance, body);
    }
    struct block *rewritten = learn_rewrite(core, call->instance, body);
    if (call->status == 200 && client->route.op == OP_COLLECTION_LIST) {
        struct block *slice = listing_slice(client, block_str(rewritten));
        block_unref(rewritten);
        rewritten = slice;
    }
    struct block *headers = call->headers;
    call->headers = NULL;
    /* Rule 6: what ties a new id to an instance is durable before the client sees it. */
    client_reply_when_durable(core, client, core->next_lsn == known ? 0 : core->next_lsn - 1, call->status,
                              headers, rewritten);
}

void read_end(struct core *core, struct call *call, const struct core_event *event)
{
    struct client *client = call->client == 0 ? NULL : client_find(core, call->client);
    if (client == NULL || client->call != call->id) {
        return;
    }
    client->call = 0;
    if (client->stage == STAGE_RELAY) {
        if (event->u.call_end.outcome != CALL_ANSWERED) {
            core_push(core, CORE_ACT_ABORT)->u.abort.client = client->id;
        }
        return;
    }
    if (event->u.call_end.outcome == CALL_ANSWERED) {
        answer_collected(core, client, call, block_str(event->u.call_end.body));
    } else if (call->kind == CALL_READ) {
        try_another(core, client);
    } else {
        client_reply_error(core, client, 503, "ServiceUnavailable",
                           "the primary did not answer: outcome unknown", 1);
    }
}

void read_out_of_time(struct core *core, struct client *client)
{
    read_forget(core, client);
    none_answers(core, client);
}

void read_forget(struct core *core, struct client *client)
{
    if (client->stage == STAGE_PARKED) {
        unpark_one(core, client);
    }
    call_drop(core, client->call);
    client->call = 0;
}
