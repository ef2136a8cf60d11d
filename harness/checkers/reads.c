/* read_your_writes: inside the consistency window a read of one record shows the last write that was
 * acknowledged before the read was sent, or something not older.
 *
 * Whose clock?  The window runs from the balancer's acknowledgement to the arrival of the read, both
 * unseen from outside.  The write's send and the read's answer enclose them, so a read is held to the
 * promise only when even that longest span is inside the window.
 *
 * What may a read show?  Seeing tag T is stale when a required upsert, update or delete was sent after
 * T's write was over: whatever the other writes did, T had been replaced.  A required add proves only
 * that the record exists (an add of an existing id changes nothing).  Seeing nothing is stale when a
 * required add or upsert was sent after every deletion that could explain the absence was over.
 *
 * Writes and reads of a record are grouped and sorted by time; running maxima make each read one step. */
#include "base/memory.h"
#include "harness/checkers/evidence.h"
#include "harness/checkers/fates.h"
#include "harness/checkers/oracles.h"
#include "harness/checkers/words.h"

#include <inttypes.h>

#define TEXT_MAX 8192

struct stale {
    struct checkers_staleness found;
    const struct op_record *read;   /* the first of them */
    const struct op_record *missed; /* the write it should have shown */
};

struct ryw {
    const struct evidence *e;
    struct fates fates;
    uint64_t window_ns;
    int64_t from_ns, to_ns; /* reads sent from then to then are judged */
    struct keyed *writes;   /* acknowledged writes to records, by key, then by acknowledgement */
    size_t write_count;
    struct keyed *removals; /* whatever may remove a record, by key (record or collection), then by send */
    size_t removal_count;
    struct keyed *reads; /* by key, then by send */
    size_t read_count;
    struct stale stale;
};

static uint64_t collection_key(uint32_t collection)
{
    return (uint64_t)collection << 32 | HISTORY_NONE;
}

static void sort_by_time_then_key(struct keyed *list, size_t count, const struct history *h, bool by_done,
                                  uint64_t (*key)(const struct op_record *op))
{
    for (size_t i = 0; i < count; i++) {
        const struct op_record *op = &h->ops[list[i].index];
        list[i].key = keyed_time(by_done ? op->done_ns : op->sent_ns);
    }
    keyed_sort(list, count);
    for (size_t i = 0; i < count; i++) {
        list[i].key = key(&h->ops[list[i].index]);
    }
    keyed_sort(list, count);
}

static uint64_t removal_key(const struct op_record *op)
{
    return op->op == OP_COLLECTION_DELETE || op->record == HISTORY_NONE ? collection_key(op->collection)
                                                                        : op_key(op);
}

static bool may_remove(const struct op_record *op)
{
    bool kind = op->op == OP_DELETE || op->op == OP_COLLECTION_DELETE;
    return kind && op->collection != HISTORY_NONE && !op_refused(op);
}

static bool looks_at_record(const struct op_record *op)
{
    return op->op == OP_GET && op->seen_tag >= 0 && op->record != HISTORY_NONE &&
           op->collection != HISTORY_NONE && op_acknowledged(op);
}

static void ryw_init(struct ryw *r, const struct evidence *e, const struct checker_input *input)
{
    const struct history *h = e->h;
    *r = (struct ryw){
        .e = e, .window_ns = input->consistency_window_ns, .from_ns = INT64_MIN, .to_ns = INT64_MAX
    };
    fates_init(&r->fates, e, input);
    r->writes = keyed_alloc(h->op_count + 1, sizeof(*r->writes));
    r->removals = keyed_alloc(h->op_count + 1, sizeof(*r->removals));
    r->reads = keyed_alloc(h->op_count + 1, sizeof(*r->reads));
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        struct keyed entry = { .index = (uint32_t)i };
        if (looks_at_record(op)) {
            r->reads[r->read_count++] = entry;
        } else if (op_writes_record(op) && op_acknowledged(op)) {
            r->writes[r->write_count++] = entry;
        }
        if (may_remove(op)) {
            r->removals[r->removal_count++] = entry;
        }
    }
    sort_by_time_then_key(r->writes, r->write_count, h, true, op_key);
    sort_by_time_then_key(r->reads, r->read_count, h, false, op_key);
    sort_by_time_then_key(r->removals, r->removal_count, h, false, removal_key);
}

static void ryw_deinit(struct ryw *r)
{
    fates_deinit(&r->fates);
    mem_free(r->writes);
    mem_free(r->removals);
    mem_free(r->reads);
}

static size_t first_of_key(const struct keyed *list, size_t count, uint64_t key)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle].key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Runs along the removals of one key: the latest end of those sent before a given time. */
struct removal_cursor {
    size_t at;
    uint64_t key;
    int64_t over_ns;
};

static struct removal_cursor removal_cursor(const struct ryw *r, uint64_t key)
{
    return (struct removal_cursor){
        .at = first_of_key(r->removals, r->removal_count, key),
        .key = key,
        .over_ns = HISTORY_NEVER,
    };
}

static int64_t removal_over_before(const struct ryw *r, struct removal_cursor *c, int64_t before_ns)
{
    while (c->at < r->removal_count && r->removals[c->at].key == c->key) {
        const struct op_record *op = &r->e->h->ops[r->removals[c->at].index];
        if (op->sent_ns > before_ns) {
            break;
        }
        int64_t over = op_over_ns(op);
        c->over_ns = over > c->over_ns ? over : c->over_ns;
        c->at++;
    }
    return c->over_ns;
}

/* A write the balancer admits to have lost with its memory queue is missed elsewhere, not in reads. */
static bool admitted_as_lost(const struct ryw *r, uint32_t op)
{
    return r->e->h->lb_lost_queue &&
           (r->fates.of[0][op] >= FATE_NEVER || (r->e->instances > 1 && r->fates.of[1][op] >= FATE_NEVER));
}

static bool inside_window(const struct ryw *r, const struct op_record *write, const struct op_record *read)
{
    return read->done_ns >= write->sent_ns && (uint64_t)(read->done_ns - write->sent_ns) <= r->window_ns;
}

struct required {
    uint32_t replaced; /* the upsert, update or delete sent last among those acknowledged; HISTORY_NONE */
    uint32_t present;  /* likewise the add or upsert */
};

static void require(const struct ryw *r, struct required *required, uint32_t index)
{
    const struct history *h = r->e->h;
    const struct op_record *op = &h->ops[index];
    if (admitted_as_lost(r, index)) {
        return;
    }
    bool replaces = op->op == OP_UPSERT || op->op == OP_UPDATE || op->op == OP_DELETE;
    bool creates = op->op == OP_UPSERT || op->op == OP_ADD;
    if (replaces &&
        (required->replaced == HISTORY_NONE || op->sent_ns > h->ops[required->replaced].sent_ns)) {
        required->replaced = index;
    }
    if (creates && (required->present == HISTORY_NONE || op->sent_ns > h->ops[required->present].sent_ns)) {
        required->present = index;
    }
}

static void stale_note(struct ryw *r, const struct op_record *read, const struct op_record *missed)
{
    struct checkers_staleness *found = &r->stale.found;
    int64_t behind_ns = read->sent_ns - missed->done_ns;
    found->oldest_ns = behind_ns > found->oldest_ns ? behind_ns : found->oldest_ns;
    if (found->stale++ == 0 || read->done_ns < r->stale.read->done_ns) {
        r->stale.read = read;
        r->stale.missed = missed;
    }
}

static void judge_read(struct ryw *r, const struct op_record *read, const struct required *required,
                       int64_t removed_ns)
{
    const struct history *h = r->e->h;
    if (read->sent_ns < r->from_ns || read->sent_ns >= r->to_ns) {
        return;
    }
    if (read->seen_tag > 0 && required->replaced != HISTORY_NONE) {
        const struct op_record *write = &h->ops[required->replaced];
        uint32_t seen = evidence_op(r->e, (uint64_t)read->seen_tag);
        if (inside_window(r, write, read)) {
            r->stale.found.judged++;
            if (seen != HISTORY_NONE && op_over_ns(&h->ops[seen]) < write->sent_ns) {
                stale_note(r, read, write);
            }
        }
    }
    if (read->seen_tag == 0 && required->present != HISTORY_NONE) {
        const struct op_record *write = &h->ops[required->present];
        if (inside_window(r, write, read)) {
            r->stale.found.judged++;
            if (write->sent_ns > removed_ns) {
                stale_note(r, read, write);
            }
        }
    }
}

static void judge_record(struct ryw *r, size_t start, size_t end)
{
    const struct history *h = r->e->h;
    uint64_t key = r->reads[start].key;
    struct removal_cursor of_record = removal_cursor(r, key);
    struct removal_cursor of_collection = removal_cursor(r, collection_key((uint32_t)(key >> 32)));
    struct required required = { HISTORY_NONE, HISTORY_NONE };
    int64_t answered_ns = HISTORY_NEVER; /* removals sent before any answer so far */
    size_t write = first_of_key(r->writes, r->write_count, key);
    for (size_t i = start; i < end; i++) {
        const struct op_record *read = &h->ops[r->reads[i].index];
        while (write < r->write_count && r->writes[write].key == key &&
               h->ops[r->writes[write].index].done_ns < read->sent_ns) {
            require(r, &required, r->writes[write++].index);
        }
        answered_ns = read->done_ns > answered_ns ? read->done_ns : answered_ns;
        int64_t a = removal_over_before(r, &of_record, answered_ns);
        int64_t b = removal_over_before(r, &of_collection, answered_ns);
        judge_read(r, read, &required, a > b ? a : b);
    }
}

static void tell_stale(struct buf *saw, const struct ryw *r)
{
    const struct history *h = r->e->h;
    const struct op_record *read = r->stale.read;
    words_op(saw, h, r->stale.missed);
    buf_append_text(saw, " was ");
    words_outcome(saw, r->stale.missed);
    buf_append_text(saw, "; a get sent at ");
    words_time(saw, read->sent_ns);
    if (read->seen_tag == 0) {
        buf_append_text(saw, " found no such record");
    } else {
        buf_printf(saw, " still showed write %" PRIi64, read->seen_tag);
    }
    buf_append_text(saw, " at ");
    words_time(saw, read->done_ns);
    buf_append_text(saw, ", inside the window of ");
    words_time(saw, (int64_t)r->window_ns);
    buf_printf(saw, " (%" PRIu64 " stale %s of %" PRIu64 " judged)", r->stale.found.stale,
               r->stale.found.stale == 1 ? "read" : "reads", r->stale.found.judged);
}

static void look_at_reads(struct ryw *r)
{
    const struct history *h = r->e->h;
    bool cleared = false; /* a reset or a dropped database explains any absence */
    for (size_t i = 0; i < h->op_count; i++) {
        cleared = cleared || h->ops[i].op == OP_RESET || h->ops[i].op == OP_DATABASE_DELETE;
    }
    for (size_t start = 0, end = 0; !cleared && start < r->read_count; start = end) {
        for (end = start + 1; end < r->read_count && r->reads[end].key == r->reads[start].key; end++) {
        }
        judge_record(r, start, end);
    }
}

void checkers_staleness(const struct history *history, int64_t from_ns, int64_t to_ns,
                        struct checkers_staleness *out)
{
    const struct checker_input input = { .history = history,
                                         .has_replica = true,
                                         .consistency_window_ns = UINT64_MAX };
    struct evidence e;
    struct ryw r;
    evidence_init(&e, &input);
    ryw_init(&r, &e, &input);
    r.from_ns = from_ns;
    r.to_ns = to_ns;
    look_at_reads(&r);
    *out = r.stale.found;
    ryw_deinit(&r);
    evidence_deinit(&e);
}

void oracle_read_your_writes(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected =
        "a read inside the consistency window shows the last acknowledged write of its record, or a younger "
        "one";
    struct evidence e;
    struct ryw r;
    struct buf saw;
    evidence_init(&e, input);
    ryw_init(&r, &e, input);
    buf_init(&saw, TEXT_MAX);
    look_at_reads(&r);
    if (r.stale.found.stale == 0) {
        buf_printf(&saw, "%" PRIu64 " reads fell inside the window of a write, none was stale",
                   r.stale.found.judged);
        words_pass(out, expected, &saw);
    } else {
        tell_stale(&saw, &r);
        words_fail(out, expected, &saw, r.stale.read->done_ns);
    }
    ryw_deinit(&r);
    evidence_deinit(&e);
}
