#include "proxy/core/batch.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/lanes.h"
#include "proxy/core/pace.h"
#include "proxy/core/payload.h"
#include "proxy/core/records.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"
#include "proxy/core/writes.h"

#define REQUEST_ID_BYTES 16384 /* a Chroma takes a head of 20 kB, with room for the rest of it */

/* ---- one member ---- */

static struct str payload(const struct entry *entry)
{
    return block_str(entry->near->body);
}

/* Whose live request it is; NULL: it is ours by now, and travels under our own credentials. */
static const struct client *client_of(struct core *core, const struct entry *entry)
{
    return entry->fate == FATE_UNDECIDED ? writes_client(core, entry) : NULL;
}

/* What a client's live request carries besides: nothing else may travel under it (rule 23). */
static struct str lines_of(struct core *core, const struct entry *entry)
{
    const struct client *client = client_of(core, entry);
    return client == NULL ? STR("") : client->header_lines;
}

/* Headers that tell about the client or the way, and change nothing about who may do what. */
static bool says_nothing(struct str line)
{
    static const char *const harmless[] = { "user-agent",
                                            "accept",
                                            "accept-language",
                                            "cache-control",
                                            "pragma",
                                            "traceparent",
                                            "tracestate",
                                            "baggage",
                                            "x-forwarded-for",
                                            "x-forwarded-host",
                                            "x-forwarded-proto",
                                            "x-real-ip",
                                            "via",
                                            "forwarded",
                                            "sec-fetch-mode" };
    struct str rest;
    struct str name = str_cut(line, ':', &rest);
    for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
        if (str_equal_nocase(name, str_of(harmless[i]))) {
            return true;
        }
    }
    return false;
}

/* The next line that matters; empty at the end. */
static struct str next_credential(struct str *lines)
{
    while (lines->data != NULL && lines->size > 0) {
        struct str line = str_cut(*lines, '\n', lines);
        if (line.size > 0 && !says_nothing(line)) {
            return line;
        }
    }
    return str_make(NULL, 0);
}

static bool same_credentials(struct str a, struct str b)
{
    for (;;) {
        struct str left = next_credential(&a);
        struct str right = next_credential(&b);
        if (left.size == 0 || right.size == 0) {
            return left.size == right.size;
        }
        if (!str_equal(left, right)) {
            return false;
        }
    }
}

/* Apart from its body: may this write travel with others at all? */
static bool plain(const struct entry *entry, struct record_write *record)
{
    return writes_of_records((enum chroma_op)entry->op) && entry->lane != NULL &&
           record_write_decode(block_str(entry->near->meta), record) &&
           memchr(record->target.data, '?', record->target.size) == NULL;
}

/* ---- putting together ---- */

static void reserve(struct batch *batch)
{
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity == 0 ? 64 : batch->capacity * 2;
        batch->members = mem_realloc(batch->members, batch->capacity * sizeof(struct entry *));
        batch->parts = mem_realloc(batch->parts, batch->capacity * sizeof(*batch->parts));
    }
}

static void take(struct batch *batch, struct entry *entry, const struct join_part *part, size_t id_bytes,
                 unsigned i)
{
    reserve(batch);
    if (batch->count > 0 && batch->parts[batch->shape].encoding == JOIN_NO_VECTORS) {
        batch->shape = batch->count;
    }
    batch->members[batch->count] = entry;
    batch->parts[batch->count++] = *part;
    batch->records += part->records;
    batch->bytes += join_size(part);
    batch->id_bytes += id_bytes + 1;
    batch->any_accepted = batch->any_accepted || entry->fate == FATE_ACCEPTED;
    batch->any_undecided = batch->any_undecided || entry->fate == FATE_UNDECIDED;
    batch->any_repeated = batch->any_repeated || entry->maybe_sent[i];
}

static void clear(struct batch *batch)
{
    struct batch empty = { .members = batch->members, .parts = batch->parts, .capacity = batch->capacity };
    *batch = empty;
}

void batch_single(struct core *core, struct entry *entry, unsigned i)
{
    struct join_part unread = { .size = payload(entry).size };
    clear(&core->batch);
    take(&core->batch, entry, &unread, 0, i);
}

/* Could it be sent to that instance now, if it were the head? */
static bool sendable(const struct core *core, const struct entry *entry, unsigned i)
{
    return entry->at[i] == AT_WAITING && entry->lsn <= core->durable_lsn &&
           (entry->fate == FATE_ACCEPTED || entry->near->asker == i) &&
           !send_behind_barrier(core, entry, i) && !resync_holds(core, entry, i);
}

/* A client without credentials must not have ours. */
static bool same_side(struct core *core, const struct entry *a, const struct entry *b)
{
    bool open = core->settings.primary_auth[0] == '\0' && core->settings.replica_auth[0] == '\0';
    return open || (client_of(core, a) == NULL) == (client_of(core, b) == NULL);
}

static bool same_way(struct core *core, const struct batch *batch, const struct record_write *first,
                     const struct entry *entry, const struct record_write *record)
{
    const struct entry *head = batch->members[0];
    bool same = entry->op == head->op && str_equal(record->target, first->target);
    return (same || mutant_joins(core, entry, head)) && str_equal(record->method, first->method) &&
           str_equal(record->content_type, first->content_type) && same_side(core, head, entry) &&
           same_credentials(lines_of(core, head), lines_of(core, entry));
}

/* How far one request may reach. */
struct reach {
    size_t members;
    size_t records;
    size_t bytes;
    uint64_t lsn; /* the last write it may hold */
    bool exactly; /* it must reach there */
};

/* Half of those among which one spoilt a joined request. */
static size_t half_of_suspects(const struct strand *strand, unsigned i)
{
    size_t count = 0;
    for (uint64_t place = strand->next[i]; place < strand_end(strand); place++) {
        const struct entry *entry = strand_at(strand, place);
        if (entry != NULL && entry->lsn > strand->suspect_lsn[i]) {
            break;
        }
        count += entry == NULL || entry_finished_at(entry, i) ? 0 : 1;
    }
    return (count + 1) / 2;
}

static size_t bytes_of(const struct core *core, const struct strand *strand, unsigned i)
{
    uint64_t most = core->settings.replay_batch_bytes;
    uint64_t borne = core->instances[i].pace.bytes;
    most = borne != 0 && borne < most ? borne : most;
    return (size_t)(strand->credit[i] < most ? strand->credit[i] : most);
}

static struct reach reach_of(const struct core *core, const struct strand *strand, unsigned i)
{
    const struct entry *head = strand_head(strand, i);
    struct reach reach = {
        .members = SIZE_MAX,
        .records = pace_records(core, i),
        .bytes = bytes_of(core, strand, i),
        .lsn = UINT64_MAX,
    };
    if (head->lsn <= strand->repeat_lsn[i]) {
        reach.records = SIZE_MAX;
        reach.bytes = SIZE_MAX;
        reach.lsn = strand->repeat_lsn[i];
        reach.exactly = true;
    } else if (head->lsn <= strand->suspect_lsn[i]) {
        reach.members = half_of_suspects(strand, i);
        reach.lsn = strand->suspect_lsn[i];
    }
    return reach;
}

static bool within(const struct batch *batch, const struct reach *reach, const struct join_part *part,
                   size_t id_bytes)
{
    return batch->count < reach->members && batch->records + part->records <= reach->records &&
           batch->bytes + join_size(part) <= reach->bytes && batch->id_bytes + id_bytes < REQUEST_ID_BYTES;
}

/* A composition that has to be the same waits for a member that was let go, if there is room beside those
 * that are here: were they let go for it, they would be asked for next, and so on. */
static bool waits_for(struct core *core, struct entry *entry, unsigned i)
{
    const struct batch *batch = &core->batch;
    for (size_t k = 0; k < batch->count; k++) {
        payload_hold(core, batch->members[k]);
    }
    bool coming = payload_want(core, entry, i) != PAYLOAD_NO_ROOM;
    for (size_t k = 0; k < batch->count; k++) {
        payload_loosen(core, batch->members[k], true);
    }
    return coming;
}

bool batch_gather(struct core *core, struct strand *strand, unsigned i)
{
    struct batch *batch = &core->batch;
    struct entry *head = strand_head(strand, i);
    struct reach reach = reach_of(core, strand, i);
    struct record_write first;
    struct join_part part;
    if (!plain(head, &first) || !join_read((enum chroma_op)head->op, payload(head), &part)) {
        batch_single(core, head, i);
        return true;
    }
    clear(batch);
    take(batch, head, &part, first.request_id.size, i);
    for (uint64_t place = strand->next[i] + 1; place < strand_end(strand); place++) {
        struct entry *entry = strand_at(strand, place);
        struct record_write record;
        if (entry == NULL || entry_finished_at(entry, i)) {
            continue; /* refused meanwhile by whoever decided */
        }
        if (entry->lsn > reach.lsn) {
            break;
        }
        if (!sendable(core, entry, i)) {
            return !reach.exactly;
        }
        if (!payload_is_here(entry)) {
            return !reach.exactly || !waits_for(core, entry, i);
        }
        if (!plain(entry, &record) || !same_way(core, batch, &first, entry, &record) ||
            !join_read((enum chroma_op)entry->op, payload(entry), &part) ||
            !join_fits(&batch->parts[batch->shape], &part, head->lane->dimension) ||
            !within(batch, &reach, &part, record.request_id.size)) {
            break;
        }
        take(batch, entry, &part, record.request_id.size, i);
    }
    return true;
}

size_t batch_would_join(struct core *core, struct strand *strand, unsigned i)
{
    const struct entry *head = strand_head(strand, i);
    if (!payload_is_here(head) || core->replay_paused) {
        return payload_is_here(head) ? 1 : 0; /* a step is one write */
    }
    size_t count = 0;
    if (head->lsn <= strand->repeat_lsn[i]) { /* the very same again */
        for (uint64_t place = strand->next[i]; place < strand_end(strand); place++) {
            const struct entry *entry = strand_at(strand, place);
            bool member =
                entry != NULL && entry->lsn <= strand->repeat_lsn[i] && !entry_finished_at(entry, i);
            count += member ? 1 : 0;
        }
        return count;
    }
    uint64_t credit = strand->credit[i];
    strand->credit[i] = UINT64_MAX;
    (void)batch_gather(core, strand, i);
    count = core->batch.count;
    clear(&core->batch);
    strand->credit[i] = credit;
    return count;
}

struct block *batch_body(const struct batch *batch, bool *alone)
{
    *alone = batch->count == 1;
    if (batch->count > 1) {
        struct block *joined = join_compose(batch->parts, batch->count);
        if (joined != NULL) {
            return joined;
        }
        *alone = true;
    }
    const struct entry *head = batch->members[0];
    bool as_shown = head->fate == FATE_ACCEPTED && head->near->shown != NULL; /* a create, rule 14 */
    return block_ref(as_shown ? head->near->shown : head->near->body);
}

void batch_request_id(const struct batch *batch, struct buf *out)
{
    for (size_t k = 0; k < batch->count; k++) {
        struct record_write record;
        CHECK(record_write_decode(block_str(batch->members[k]->near->meta), &record));
        if (k > 0) {
            buf_append_char(out, ',');
        }
        buf_append_str(out, record.request_id);
    }
}

/* ---- what became of it ---- */

static struct strand *strand_of(const struct call *call)
{
    return entry_strand(call->members[0], 0);
}

static uint64_t last_lsn(const struct call *call)
{
    return call->members[call->member_count - 1]->lsn;
}

void batch_refused(const struct call *call)
{
    struct strand *strand = strand_of(call);
    CHECK(call->member_count > 1);
    strand->suspect_lsn[call->instance] = last_lsn(call);
    strand->repeat_lsn[call->instance] = 0;
}

void batch_repeat(const struct call *call)
{
    struct strand *strand = strand_of(call);
    unsigned i = call->instance;
    if (call->member_count > 1 && strand->repeat_lsn[i] == last_lsn(call)) {
        batch_refused(call); /* the second time already */
    } else {
        strand->repeat_lsn[i] = last_lsn(call);
    }
}

void batch_succeeded(const struct call *call)
{
    struct strand *strand = strand_of(call);
    unsigned i = call->instance;
    if (strand->repeat_lsn[i] <= last_lsn(call)) {
        strand->repeat_lsn[i] = 0;
    }
    if (strand->suspect_lsn[i] <= last_lsn(call)) {
        strand->suspect_lsn[i] = 0;
    }
}

void batch_learn_dimension(struct entry *entry)
{
    struct join_part part;
    if (entry->lane != NULL && entry->lane->dimension == 0 && entry->op != OP_DELETE &&
        writes_of_records((enum chroma_op)entry->op) && payload_is_here(entry) &&
        join_read((enum chroma_op)entry->op, payload(entry), &part)) {
        entry->lane->dimension = part.width;
    }
}

void batch_free(struct core *core)
{
    mem_free(core->batch.members);
    mem_free(core->batch.parts);
}
