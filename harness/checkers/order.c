/* order_per_lane and no_double_effect: in which order did each instance take the writes of one record
 * (or of one collection's name), and did any come back?
 *
 * Both look at the order of last applications, because that is what the state at the end remembers: a
 * suffix of the log applied again after a crash (A B A B) leaves the same order, a single old write
 * applied again (A B A) does not.  All writes of an instance are sorted by last application, then by
 * key; one sweep of each group suffices. */
#include "base/memory.h"
#include "harness/checkers/evidence.h"
#include "harness/checkers/oracles.h"
#include "harness/checkers/words.h"

#include <inttypes.h>

#define TEXT_MAX 8192

struct breach {
    uint64_t count;
    uint32_t instance;
    uint32_t older; /* the operation that should not have come (again) after younger */
    uint32_t younger;
    int64_t at_ns;
};

static void breach_note(struct breach *b, uint32_t instance, uint32_t older, uint32_t younger, int64_t at_ns)
{
    if (b->count++ == 0 || at_ns < b->at_ns) {
        b->instance = instance;
        b->older = older;
        b->younger = younger;
        b->at_ns = at_ns;
    }
}

/* Applied writes of one instance, grouped by key, in order of last application. */
static struct keyed *applied_by_key(const struct evidence *e, uint32_t instance, size_t *count)
{
    const struct history *h = e->h;
    struct keyed *list = keyed_alloc(h->op_count + 1, sizeof(*list));
    *count = 0;
    for (size_t i = 0; i < h->op_count; i++) {
        uint32_t last = e->traces[instance][i].last;
        bool in_turn = last != EVIDENCE_NOWHERE && !e->traces[instance][i].by_copy; /* a copy has no turn */
        if (in_turn && (op_writes_record(&h->ops[i]) || op_writes_collection(&h->ops[i]))) {
            list[(*count)++] = (struct keyed){ .key = last, .index = (uint32_t)i };
        }
    }
    keyed_sort(list, *count);
    for (size_t i = 0; i < *count; i++) {
        list[i].key = op_key(&h->ops[list[i].index]);
    }
    keyed_sort(list, *count);
    return list;
}

/* The end of the group that begins at start. */
static size_t group_end(const struct keyed *list, size_t count, size_t start)
{
    size_t end = start + 1;
    while (end < count && list[end].key == list[start].key) {
        end++;
    }
    return end;
}

/* Both in their order at first, and a copy has written or removed the record since the older one came again:
 * a balancer that gives up what waits for an instance, in the middle of a suffix, copies instead. */
static bool set_right(const struct evidence *e, uint32_t instance, uint64_t key, uint32_t older,
                      uint32_t younger)
{
    const struct trace *x = &e->traces[instance][older];
    const struct trace *y = &e->traces[instance][younger];
    return x->first < y->first && evidence_repaired(e, instance, key, x->last);
}

/* When the writes of a group last made and removed their record before a position: the positions of these
 * applications, and one; 0 = never. */
struct standing {
    uint32_t made, gone;
};

static struct standing standing_at(const struct evidence *e, uint32_t instance, const struct keyed *group,
                                   size_t count, uint32_t position)
{
    struct standing at = { 0 };
    for (size_t i = 0; i < count; i++) {
        const struct trace *t = &e->traces[instance][group[i].index];
        uint32_t *latest = NULL;
        switch ((int)e->h->ops[group[i].index].op) {
            case OP_UPDATE:
                break;
            case OP_DELETE:
                latest = &at.gone;
                break;
            default:
                latest = &at.made;
                break;
        }
        if (latest != NULL && t->first < position && t->first + 1 > *latest) {
            *latest = t->first + 1;
        }
        if (latest != NULL && t->last < position && t->last + 1 > *latest) {
            *latest = t->last + 1;
        }
    }
    return at;
}

/* May the record have stood there when that operation came for the last time? */
static bool record_stood(const struct evidence *e, uint32_t instance, const struct keyed *group, size_t count,
                         uint32_t position)
{
    struct standing at = standing_at(e, instance, group, count, position);
    return at.made > at.gone || evidence_repaired(e, instance, group[0].key, 0);
}

static bool collection_deleted_between(const struct evidence *e, uint32_t instance, uint32_t collection,
                                       uint32_t from, uint32_t to)
{
    for (size_t i = 0; i < e->h->op_count; i++) {
        const struct trace *t = &e->traces[instance][i];
        bool deletes = e->h->ops[i].op == OP_COLLECTION_DELETE && e->h->ops[i].collection == collection;
        if (deletes && ((t->first >= from && t->first < to) || (t->last >= from && t->last < to))) {
            return true;
        }
    }
    return false;
}

/* In its turn at first, an add that comes again leaves a record as it is that stands there for certain: made
 * and not removed since, not by a copy either, nor with its collection. */
static bool adds_nothing(const struct evidence *e, uint32_t instance, const struct keyed *group, size_t count,
                         uint32_t older, uint32_t younger)
{
    const struct trace *x = &e->traces[instance][older];
    if (e->h->ops[older].op != OP_ADD || x->first >= e->traces[instance][younger].first) {
        return false;
    }
    struct standing at = standing_at(e, instance, group, count, x->last);
    return at.made > at.gone && !evidence_repaired(e, instance, group[0].key, at.made - 1) &&
           !collection_deleted_between(e, instance, e->h->ops[older].collection, at.made, x->last);
}

/* The older one came again, and it made no difference: a copy has set the record right since; or it is gone
 * either way; or there was no record to update or to delete, or one that is not to be added. */
static bool harmless(const struct evidence *e, uint32_t instance, const struct keyed *group, size_t count,
                     uint32_t older, uint32_t younger)
{
    enum chroma_op op = e->h->ops[older].op;
    bool deletions = op == OP_DELETE && e->h->ops[younger].op == OP_DELETE;
    bool nothing = (op == OP_UPDATE || op == OP_DELETE) &&
                   !record_stood(e, instance, group, count, e->traces[instance][older].last);
    return deletions || nothing || adds_nothing(e, instance, group, count, older, younger) ||
           set_right(e, instance, group[0].key, older, younger);
}

static void order_sweep(const struct evidence *e, uint32_t instance, const struct keyed *list, size_t count,
                        struct breach *breach)
{
    const struct history *h = e->h;
    for (size_t start = 0, end = 0; start < count; start = end) {
        uint32_t youngest = list[start].index; /* sent last among those applied so far */
        end = group_end(list, count, start);
        for (size_t i = start + 1; i < end; i++) {
            const struct op_record *op = &h->ops[list[i].index];
            if (op_acknowledged(op) && op->done_ns < h->ops[youngest].sent_ns &&
                !harmless(e, instance, list + start, end - start, list[i].index, youngest)) {
                breach_note(breach, instance, list[i].index, youngest,
                            e->traces[instance][list[i].index].last_ns);
            }
            youngest = op->sent_ns > h->ops[youngest].sent_ns ? list[i].index : youngest;
        }
    }
}

/* A record written again after a deletion of its collection that was sent when the write was long
 * acknowledged: it has come back from the dead into the collection's next life. */
static void order_across_deletions(const struct evidence *e, uint32_t instance, struct breach *breach)
{
    const struct history *h = e->h;
    uint32_t *deletion = keyed_alloc(h->collection_count + 1, sizeof(*deletion));
    bool any = false;
    for (size_t c = 0; c < h->collection_count; c++) {
        deletion[c] = HISTORY_NONE;
    }
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        if (op->op != OP_COLLECTION_DELETE || op->collection >= h->collection_count ||
            e->traces[instance][i].last == EVIDENCE_NOWHERE) {
            continue;
        }
        uint32_t *known = &deletion[op->collection];
        if (*known == HISTORY_NONE || op->sent_ns > h->ops[*known].sent_ns) {
            *known = (uint32_t)i;
        }
        any = true;
    }
    for (size_t i = 0; any && i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        const struct trace *t = &e->traces[instance][i];
        if (!op_writes_record(op) || !op_acknowledged(op) || t->last == EVIDENCE_NOWHERE || t->by_copy ||
            op->collection >= h->collection_count || deletion[op->collection] == HISTORY_NONE) {
            continue;
        }
        uint32_t d = deletion[op->collection];
        if (op->done_ns < h->ops[d].sent_ns && t->last > e->traces[instance][d].last) {
            breach_note(breach, instance, (uint32_t)i, d, t->last_ns);
        }
    }
    mem_free(deletion);
}

static uint64_t applied_count(const struct evidence *e)
{
    uint64_t count = 0;
    for (uint32_t instance = 0; instance < e->instances; instance++) {
        for (size_t i = 0; i < e->h->op_count; i++) {
            count += e->traces[instance][i].last != EVIDENCE_NOWHERE;
        }
    }
    return count;
}

static void pass_with_count(const struct evidence *e, struct assertion_result *out, const char *expected)
{
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    buf_printf(&saw, "%" PRIu64 " applications judged, none out of place", applied_count(e));
    words_pass(out, expected, &saw);
}

void oracle_order_per_lane(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected =
        "a write acknowledged before another write to the same record was sent "
        "is applied before it on every instance";
    struct evidence e;
    evidence_init(&e, input);
    const struct history *h = input->history;
    struct breach breach = { 0 };
    for (uint32_t instance = 0; instance < e.instances; instance++) {
        size_t count = 0;
        struct keyed *list = applied_by_key(&e, instance, &count);
        order_sweep(&e, instance, list, count, &breach);
        order_across_deletions(&e, instance, &breach);
        mem_free(list);
    }
    if (breach.count == 0) {
        pass_with_count(&e, out, expected);
        evidence_deinit(&e);
        return;
    }
    const struct op_record *older = &h->ops[breach.older];
    const struct op_record *younger = &h->ops[breach.younger];
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    words_op(&saw, h, older);
    buf_append_text(&saw, " was ");
    words_outcome(&saw, older);
    buf_append_text(&saw, ", before ");
    words_op(&saw, h, younger);
    buf_append_text(&saw, " was sent at ");
    words_time(&saw, younger->sent_ns);
    buf_printf(&saw, "; yet %s applied %" PRIu64 " last at ", words_instance(breach.instance), older->tag);
    words_time(&saw, e.traces[breach.instance][breach.older].last_ns);
    buf_printf(&saw, ", after %" PRIu64 " at ", younger->tag);
    words_time(&saw, e.traces[breach.instance][breach.younger].last_ns);
    buf_printf(&saw, " (%" PRIu64 " such %s in all)", breach.count, breach.count == 1 ? "write" : "writes");
    words_fail(out, expected, &saw, breach.at_ns);
    evidence_deinit(&e);
}

/* X came back: it had been applied, then Y for the first time, and at the end X stands after Y again.
 * A suffix applied again (Y X Y X) is not that: there Y came first both times.  When first and last
 * applications disagree about any pair of a group, they disagree about two neighbours in the order of last
 * applications, so looking at the neighbour is enough. */
static void double_sweep(const struct evidence *e, uint32_t instance, const struct keyed *list, size_t count,
                         struct breach *breach)
{
    for (size_t start = 0, end = 0; start < count; start = end) {
        end = group_end(list, count, start);
        for (size_t i = start + 1; i < end; i++) {
            uint32_t older = list[i].index;
            uint32_t younger = list[i - 1].index;
            const struct trace *x = &e->traces[instance][older];
            if (x->first < e->traces[instance][younger].first &&
                !harmless(e, instance, list + start, end - start, older, younger)) {
                breach_note(breach, instance, older, younger, x->last_ns);
            }
        }
    }
}

/* A collection deleted twice by one request, with writes to its records in between that never came
 * again: the neighbour rule over the whole collection instead of one record. */
static void double_deletions(const struct evidence *e, uint32_t instance, struct keyed *list, size_t count,
                             struct breach *breach)
{
    const struct history *h = e->h;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const struct trace *t = &e->traces[instance][list[i].index];
        any = any || (h->ops[list[i].index].op == OP_COLLECTION_DELETE && t->first < t->last);
    }
    if (!any) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        list[i].key = e->traces[instance][list[i].index].last;
    }
    keyed_sort(list, count);
    for (size_t i = 0; i < count; i++) {
        list[i].key = h->ops[list[i].index].collection;
    }
    keyed_sort(list, count);
    for (size_t i = 1; i < count; i++) {
        const struct trace *x = &e->traces[instance][list[i].index];
        const struct trace *y = &e->traces[instance][list[i - 1].index];
        bool deletion = h->ops[list[i].index].op == OP_COLLECTION_DELETE;
        bool record = op_writes_record(&h->ops[list[i - 1].index]);
        if (deletion && record && list[i].key == list[i - 1].key && x->first < y->first) {
            breach_note(breach, instance, list[i].index, list[i - 1].index, x->last_ns);
        }
    }
}

/* An effect nobody asked for: a known write carried out on another collection or record. */
static void strays(const struct evidence *e, uint32_t instance, struct breach *breach)
{
    for (size_t i = 0; i < e->h->op_count; i++) {
        uint32_t stray = e->traces[instance][i].misplaced;
        if (stray != EVIDENCE_NOWHERE) {
            breach_note(breach, instance, (uint32_t)i, HISTORY_NONE, e->h->effects[stray].applied_ns);
        }
    }
}

static void tell_double(struct buf *saw, const struct evidence *e, const struct breach *breach)
{
    const struct history *h = e->h;
    const struct trace *x = &e->traces[breach->instance][breach->older];
    const char *where = words_instance(breach->instance);
    words_op(saw, h, &h->ops[breach->older]);
    if (breach->younger == HISTORY_NONE) {
        const struct effect_record *stray = &h->effects[x->misplaced];
        buf_printf(saw, " was carried out by %s at ", where);
        words_time(saw, stray->applied_ns);
        buf_printf(saw, " on \"%s\"",
                   stray->collection < h->collection_count ? h->collections[stray->collection] : "?");
        if (stray->record != HISTORY_NONE) {
            buf_printf(saw, " doc-%06" PRIu32, stray->record);
        }
        buf_append_text(saw, ", where nobody sent it");
    } else {
        buf_printf(saw, " was applied on %s at ", where);
        words_time(saw, x->first_ns);
        buf_append_text(saw, ", then ");
        words_op(saw, h, &h->ops[breach->younger]);
        buf_append_text(saw, " at ");
        words_time(saw, e->traces[breach->instance][breach->younger].last_ns);
        buf_printf(saw, ", then %" PRIu64 " again at ", h->ops[breach->older].tag);
        words_time(saw, x->last_ns);
        buf_printf(saw, ", and %" PRIu64 " never after that", h->ops[breach->younger].tag);
    }
    buf_printf(saw, " (%" PRIu64 " such %s in all)", breach->count, breach->count == 1 ? "write" : "writes");
}

void oracle_no_double_effect(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected =
        "no write takes effect again after a younger write of the same record, and "
        "none where nobody sent it";
    struct evidence e;
    evidence_init(&e, input);
    struct breach breach = { 0 };
    for (uint32_t instance = 0; instance < e.instances; instance++) {
        size_t count = 0;
        struct keyed *list = applied_by_key(&e, instance, &count);
        double_sweep(&e, instance, list, count, &breach);
        double_deletions(&e, instance, list, count, &breach);
        strays(&e, instance, &breach);
        mem_free(list);
    }
    if (breach.count == 0) {
        pass_with_count(&e, out, expected);
    } else {
        struct buf saw;
        buf_init(&saw, TEXT_MAX);
        tell_double(&saw, &e, &breach);
        words_fail(out, expected, &saw, breach.at_ns);
    }
    evidence_deinit(&e);
}
