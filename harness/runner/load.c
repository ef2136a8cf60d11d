/* The load's clients: who creates the collections, sends each operation when it is due, and writes down
 * what came of it.
 *
 * An operation enters the history when it is sent and never leaves it; its index there is the tag of the
 * engine's request, so an answer finds its record without a map.  The request id "wd-<tag>" and the record's
 * metadata carry the same tag, which ties the mocks' journals and later reads to it.
 *
 * A load that only reads draws from the collections of the loads that write (with none, from its own), and
 * half of its gets ask for something acknowledged a moment ago: otherwise read-your-writes would hold
 * because nobody looked. */
#include "harness/runner/run.h"

#include "base/check.h"
#include "base/http_head.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdio.h>

#define LOAD_DATABASE     "/api/v2/tenants/default_tenant/databases/default_database"
#define LOAD_CREATE_BOUND (60 * NS_PER_S)
#define LOAD_HEADERS      64
#define LOAD_TIMEOUT      (30 * NS_PER_S)

uint64_t run_tag(struct run *run)
{
    return run->next_tag++;
}

static bool load_queued(struct str lines)
{
    struct http_header headers[LOAD_HEADERS];
    size_t count = http_headers_parse(lines, headers, LOAD_HEADERS);
    return str_equal(http_header_find(headers, count, "x-wal-status"), STR("queued"));
}

void load_note(struct op_record *op, const struct engine_answer *answer)
{
    op->done_ns = answer->done_ns;
    op->outcome = answer->outcome;
    op->status = answer->outcome == OP_ANSWERED ? answer->status : 0;
    bool good = op->status >= 200 && op->status < 300;
    if (good && chroma_op_is_write(op->op)) {
        op->queued = load_queued(answer->headers);
    }
    if (good && op->op == OP_GET && op->record != HISTORY_NONE) {
        op->seen_tag = workload_seen_tag(answer->body);
    }
}

static struct op_record *load_op(struct run *run, enum chroma_op kind, uint32_t load, uint64_t planned_ns,
                                 uint64_t sent_ns)
{
    struct op_record *op = history_add_op(run->history);
    op->tag = run_tag(run);
    op->load = load;
    op->op = kind;
    op->collection = HISTORY_NONE;
    op->record = HISTORY_NONE;
    op->planned_ns = (int64_t)planned_ns;
    op->sent_ns = (int64_t)sent_ns;
    op->done_ns = HISTORY_NEVER;
    op->seen_tag = -1;
    return op;
}

/* ---- the collections, before the run ---- */

/* The create's request tag carries both indexes: the operation's low, the collection's high. */
static void load_created(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct run *run = context;
    struct run_collection *collection = &run->collections[tag >> 32];
    load_note(&run->history->ops[tag & UINT32_MAX], answer);
    run->creates_open--;
    if (answer->outcome != OP_ANSWERED || answer->status != 200) {
        int shown = answer->body.size > 80 ? 80 : (int)answer->body.size;
        (void)snprintf(collection->trouble, sizeof(collection->trouble), "status %d %.*s", answer->status,
                       shown, answer->body.size == 0 ? "" : answer->body.data);
        return;
    }
    struct json_scan scan;
    size_t length = 0;
    const struct json_member *id = json_scan(answer->body, &scan) == 0 ? json_scan_find(&scan, "id") : NULL;
    if (id == NULL || id->kind != JSON_STRING_VALUE ||
        !json_scan_decode(id->value, collection->id, sizeof(collection->id), &length)) {
        collection->id[0] = '\0';
        (void)snprintf(collection->trouble, sizeof(collection->trouble), "the answer names no id");
    }
}

static int load_create(struct run *run, uint32_t index, const char *name, struct errmsg *msg)
{
    uint64_t now_ns = run->engine->ops->now(run->engine);
    run->collections[index].name = history_collection(run->history, name);
    struct op_record *op = load_op(run, OP_COLLECTION_CREATE, HISTORY_NONE, now_ns, now_ns);
    op->collection = run->collections[index].name;
    size_t op_index = run->history->op_count - 1;
    char headers[128];
    char body[160];
    (void)snprintf(headers, sizeof(headers),
                   "Content-Type: application/json\r\nX-Request-Id: wd-%" PRIu64 "\r\n", op->tag);
    int size = snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
    CHECK(size > 0 && (size_t)size < sizeof(body));
    struct engine_request request = {
        .target = TARGET_LB,
        .method = "POST",
        .path = LOAD_DATABASE "/collections",
        .headers = headers,
        .body = str_make(body, (size_t)size),
        .timeout_ns = LOAD_TIMEOUT,
    };
    run->creates_open++;
    int rv = run->engine->ops->request(run->engine, &request, (uint64_t)index << 32 | op_index, load_created,
                                       run, msg);
    if (rv != 0) {
        run->creates_open--;
    }
    return rv;
}

static uint32_t load_own_collections(const struct scenario_load *load)
{
    return load->collections == 0 ? 1 : load->collections;
}

/* Which loads have collections of their own, and where everybody's targets stand. */
static void load_assign(struct run *run)
{
    const struct scenario *s = run->scenario;
    bool any_writer = false;
    for (size_t i = 0; i < s->load_count; i++) {
        any_writer = any_writer || workload_writes(&s->loads[i]);
    }
    uint32_t total = 0;
    for (size_t i = 0; i < s->load_count; i++) {
        if (!any_writer || workload_writes(&s->loads[i])) {
            run->loads[i].first = total;
            run->loads[i].count = load_own_collections(&s->loads[i]);
            total += run->loads[i].count;
        }
    }
    for (size_t i = 0; i < s->load_count; i++) {
        if (run->loads[i].count == 0) {
            run->loads[i].count = total;
        }
    }
    run->collection_count = total;
    run->collections = mem_alloc_array(total + 1, sizeof(*run->collections));
}

static int load_create_all(struct run *run, struct errmsg *msg)
{
    const struct scenario *s = run->scenario;
    uint32_t index = 0;
    for (size_t i = 0; i < s->load_count && index < run->collection_count; i++) {
        if (run->loads[i].first != index) {
            continue; /* reads what others write */
        }
        for (uint32_t n = 0; n < run->loads[i].count; n++) {
            char name[96];
            (void)snprintf(name, sizeof(name), "wd-%.64s-%" PRIu32, s->loads[i].name, n + 1);
            int rv = load_create(run, index++, name, msg);
            if (rv != 0) {
                return rv;
            }
        }
    }
    return 0;
}

static int load_await_creates(struct run *run, struct errmsg *msg)
{
    uint64_t now_ns = run->engine->ops->now(run->engine);
    uint64_t bound_ns = now_ns + LOAD_CREATE_BOUND;
    while (run->creates_open > 0) {
        if (now_ns >= bound_ns) {
            return error_set(msg, ERR_TIMEOUT, "the collections were not created within a minute");
        }
        int rv = run->engine->ops->advance(run->engine, now_ns + NS_PER_S / 10, msg);
        if (rv != 0) {
            return rv;
        }
        now_ns = run->engine->ops->now(run->engine);
    }
    for (uint32_t i = 0; i < run->collection_count; i++) {
        if (run->collections[i].id[0] == '\0') {
            return error_set(msg, ERR_STATE, "create collection %s: %s",
                             run->history->collections[run->collections[i].name],
                             run->collections[i].trouble);
        }
    }
    return 0;
}

int load_open(struct run *run, struct errmsg *msg)
{
    size_t count = run->scenario->load_count;
    run->loads = mem_alloc_array(count + 1, sizeof(*run->loads));
    run->history->loads = mem_alloc_array(count + 1, sizeof(*run->history->loads));
    run->history->load_count = count;
    for (size_t i = 0; i < count; i++) {
        run->history->loads[i].name = run->scenario->loads[i].name;
        run->history->loads[i].offered_per_second = run->scenario->loads[i].per_second;
    }
    load_assign(run);
    int rv = load_create_all(run, msg);
    return rv != 0 ? rv : load_await_creates(run, msg);
}

/* ---- the operations ---- */

/* Begins and ends loads with their phases. */
void load_phases_changed(struct run *run)
{
    for (size_t i = 0; i < run->scenario->load_count; i++) {
        const struct scenario_load *plan = &run->scenario->loads[i];
        struct run_load *load = &run->loads[i];
        bool whole = plan->during == UINT32_MAX;
        bool begins = whole || run->phases[plan->during].begun;
        if (begins && !load->begun) {
            load->begun = true;
            uint64_t start_ns = whole ? run->start_ns : run->phases[plan->during].start_ns;
            /* A reader of others' collections reads what they can have written. */
            uint32_t records = plan->records == 0 ? 1000 : plan->records;
            for (size_t w = 0; w < run->scenario->load_count; w++) {
                const struct scenario_load *writer = &run->scenario->loads[w];
                if (!workload_writes(plan) && workload_writes(writer) && writer->records != 0) {
                    records = writer->records;
                    break;
                }
            }
            workload_init(&load->plan, plan, run->seed, start_ns, load->count, records);
        }
        if (whole) {
            load->end_ns = run->end_ns;
        } else {
            load->end_ns = run->phases[plan->during].over ? run->phases[plan->during].end_ns : RUN_NO_TIME;
        }
    }
}

void load_delay(struct run *run, uint64_t by_ns)
{
    for (size_t i = 0; i < run->scenario->load_count; i++) {
        if (run->loads[i].begun) {
            workload_delay(&run->loads[i].plan, by_ns);
        }
    }
}

/* What was due before the load's phase ended is still sent when the loop comes late. */
static bool load_has_next(const struct run_load *load, uint64_t *planned_ns)
{
    if (!load->begun) {
        return false;
    }
    *planned_ns = workload_peek(&load->plan)->planned_ns;
    return *planned_ns < load->end_ns;
}

uint64_t load_next(const struct run *run)
{
    uint64_t next = RUN_NO_TIME;
    for (size_t i = 0; i < run->scenario->load_count; i++) {
        uint64_t planned_ns;
        if (load_has_next(&run->loads[i], &planned_ns) && planned_ns < next) {
            next = planned_ns;
        }
    }
    return next;
}

static void load_remember(struct run *run, const struct op_record *op)
{
    for (uint32_t i = 0; i < run->collection_count; i++) {
        if (run->collections[i].name == op->collection) {
            run->recent[run->recent_count++ % RUN_RECENT] =
                (struct run_recent){ .collection = i, .record = op->record };
            return;
        }
    }
}

static void load_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct run *run = context;
    CHECK(tag < run->history->op_count);
    struct op_record *op = &run->history->ops[tag];
    CHECK(op->outcome == OP_PENDING);
    load_note(op, answer);
    CHECK(run->in_flight > 0);
    run->in_flight--;
    if (op->status >= 200 && op->status < 300 && op->record != HISTORY_NONE && chroma_op_is_write(op->op)) {
        load_remember(run, op);
    }
}

static void load_path(const struct run *run, enum chroma_op kind, const struct run_collection *collection,
                      char *out, size_t size, const char **method)
{
    *method = kind == OP_COUNT || !chroma_op_is_record(kind) ? "GET" : "POST";
    if (chroma_op_is_record(kind)) {
        (void)snprintf(out, size, LOAD_DATABASE "/collections/%s/%s", collection->id, chroma_op_name(kind));
    } else if (kind == OP_COLLECTION_GET) {
        (void)snprintf(out, size, LOAD_DATABASE "/collections/%s",
                       run->history->collections[collection->name]);
    } else if (kind == OP_COLLECTION_LIST) {
        (void)snprintf(out, size, LOAD_DATABASE "/collections");
    } else if (kind == OP_COLLECTION_COUNT) {
        (void)snprintf(out, size, LOAD_DATABASE "/collections_count");
    } else {
        (void)snprintf(out, size, "/api/v2/%s", chroma_op_name(kind));
    }
}

static int load_send(struct run *run, uint32_t load_index, const struct workload_op *plan, uint64_t now_ns,
                     struct errmsg *msg)
{
    const struct run_load *load = &run->loads[load_index];
    uint32_t target = load->first + plan->collection;
    uint32_t record = plan->record;
    if (plan->op == OP_GET && run->recent_count > 0 && plan->draw % 2 == 0) {
        uint64_t held = run->recent_count < RUN_RECENT ? run->recent_count : RUN_RECENT;
        const struct run_recent *recent = &run->recent[plan->draw / 2 % held];
        target = recent->collection;
        record = recent->record;
    }
    struct op_record *op = load_op(run, plan->op, load_index, plan->planned_ns, now_ns);
    if (chroma_op_is_record(plan->op)) {
        op->collection = run->collections[target].name;
        bool one = plan->op != OP_COUNT && plan->op != OP_QUERY && plan->op != OP_SEARCH;
        op->record = one ? record : HISTORY_NONE;
    }
    char path[256];
    char headers[128];
    const char *method;
    load_path(run, plan->op, &run->collections[target], path, sizeof(path), &method);
    (void)snprintf(headers, sizeof(headers),
                   "Content-Type: application/json\r\nX-Request-Id: wd-%" PRIu64 "\r\n", op->tag);
    buf_clear(&run->scratch);
    workload_body(&run->scratch, &run->scenario->loads[load_index], plan, record, op->tag);
    if (run->scratch.failed) {
        return error_set(msg, ERR_NOMEM, "body of an operation of load %s",
                         run->scenario->loads[load_index].name);
    }
    uint64_t patience_ns = run->scenario->loads[load_index].timeout_ns;
    struct engine_request request = {
        .target = TARGET_LB,
        .method = method,
        .path = path,
        .headers = headers,
        .body = buf_str(&run->scratch),
        .timeout_ns = patience_ns == 0 ? LOAD_TIMEOUT : patience_ns,
    };
    run->in_flight++;
    int rv =
        run->engine->ops->request(run->engine, &request, run->history->op_count - 1, load_answered, run, msg);
    if (rv != 0) {
        run->in_flight--;
    }
    return rv;
}

/* All that are due, over all loads in order of their planned times (a tie: the load that stands first in the
 * file). */
int load_send_due(struct run *run, uint64_t now_ns, struct errmsg *msg)
{
    for (;;) {
        uint64_t next = load_next(run);
        if (next > now_ns || next == RUN_NO_TIME) {
            return 0;
        }
        for (uint32_t i = 0; i < run->scenario->load_count; i++) {
            struct run_load *load = &run->loads[i];
            uint64_t planned_ns;
            if (!load_has_next(load, &planned_ns) || planned_ns != next) {
                continue;
            }
            load->planned++;
            int rv = load_send(run, i, workload_peek(&load->plan), now_ns, msg);
            if (rv != 0) {
                return error_wrap(msg, rv, "load %s", run->scenario->loads[i].name);
            }
            load->sent++;
            uint64_t late_ns = now_ns - next;
            if (late_ns > load->worst_late_ns) {
                load->worst_late_ns = late_ns;
            }
            workload_pop(&load->plan);
            break;
        }
    }
}

void load_close(struct run *run)
{
    for (size_t i = 0; i < run->scenario->load_count && run->loads != NULL; i++) {
        run->history->loads[i].planned = run->loads[i].planned;
        run->history->loads[i].sent = run->loads[i].sent;
    }
    mem_free(run->loads);
    mem_free(run->collections);
    run->loads = NULL;
    run->collections = NULL;
}
