/* Joins the two ends of a history: operations by tag, applications by the order of each instance.
 *
 * Effects are ranked per instance by apply_order; members of a joined request share one and keep the
 * order in which the journal lists them.  An effect counts for an operation only where it hit what the
 * operation named; one on another collection is kept aside as misplaced.  All of it is linear. */
#include "harness/checkers/evidence.h"

#include "base/memory.h"

/* Tags are handed out one by one, so a table by tag is nearly full; hand-made ones may be sparse. */
#define BY_TAG_SLACK 1024

bool status_ok(int status)
{
    return status >= 200 && status < 300;
}

bool op_acknowledged(const struct op_record *op)
{
    return op->outcome == OP_ANSWERED && status_ok(op->status);
}

bool op_refused(const struct op_record *op)
{
    return op->outcome == OP_ANSWERED && op->status >= 400 && op->status < 500 && op->status != 408;
}

int64_t op_over_ns(const struct op_record *op)
{
    return op_acknowledged(op) || op_refused(op) ? op->done_ns : EVIDENCE_FOREVER;
}

bool op_writes_record(const struct op_record *op)
{
    return chroma_op_is_write(op->op) && chroma_op_is_record(op->op) && op->record != HISTORY_NONE &&
           op->collection != HISTORY_NONE;
}

bool op_writes_collection(const struct op_record *op)
{
    return (op->op == OP_COLLECTION_CREATE || op->op == OP_COLLECTION_UPDATE ||
            op->op == OP_COLLECTION_DELETE) &&
           op->collection != HISTORY_NONE;
}

uint64_t op_key(const struct op_record *op)
{
    uint32_t record = op_writes_collection(op) ? HISTORY_NONE : op->record;
    return (uint64_t)op->collection << 32 | record;
}

static void index_tags(struct evidence *e)
{
    const struct history *h = e->h;
    uint64_t max = 0;
    for (size_t i = 0; i < h->op_count; i++) {
        max = h->ops[i].tag > max ? h->ops[i].tag : max;
    }
    if (max / 4 < h->op_count + BY_TAG_SLACK) {
        e->by_tag_size = max + 1;
        e->by_tag = keyed_alloc(e->by_tag_size, sizeof(*e->by_tag));
        for (uint64_t t = 0; t <= max; t++) {
            e->by_tag[t] = HISTORY_NONE;
        }
        for (size_t i = 0; i < h->op_count; i++) {
            if (h->ops[i].tag != 0) {
                e->by_tag[h->ops[i].tag] = (uint32_t)i;
            }
        }
        return;
    }
    e->tags = keyed_alloc(h->op_count, sizeof(*e->tags));
    for (size_t i = 0; i < h->op_count; i++) {
        if (h->ops[i].tag != 0) {
            e->tags[e->tag_count++] = (struct keyed){ .key = h->ops[i].tag, .index = (uint32_t)i };
        }
    }
    keyed_sort(e->tags, e->tag_count);
}

uint32_t evidence_op(const struct evidence *e, uint64_t tag)
{
    if (e->by_tag != NULL) {
        return tag != 0 && tag < e->by_tag_size ? e->by_tag[tag] : HISTORY_NONE;
    }
    size_t low = 0;
    size_t high = e->tag_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (e->tags[middle].key < tag) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < e->tag_count && e->tags[low].key == tag ? e->tags[low].index : HISTORY_NONE;
}

bool evidence_repaired(const struct evidence *e, uint32_t instance, uint64_t key, uint32_t position)
{
    const struct keyed *repairs = e->repairs[instance];
    size_t low = 0;
    size_t high = e->repair_count[instance];
    while (low < high) { /* the first one behind the last of that record */
        size_t middle = low + (high - low) / 2;
        if (repairs[middle].key <= key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && repairs[low - 1].key == key && repairs[low - 1].index > position;
}

/* The last incarnation seen of an instance is the one that counts at the end. */
static uint64_t last_incarnation(const struct history *h, uint32_t instance)
{
    uint64_t last = 0;
    for (size_t i = 0; i < h->effect_count; i++) {
        if (h->effects[i].instance == instance && h->effects[i].incarnation > last) {
            last = h->effects[i].incarnation;
        }
    }
    for (size_t i = 0; i < h->loss_count; i++) {
        if (h->losses[i].instance == instance && h->losses[i].incarnation > last) {
            last = h->losses[i].incarnation;
        }
    }
    return last;
}

/* Is this application still in the instance's memory at the end?  Each incarnation after its own must
 * be one whose restart kept it. */
static bool survived(const struct history *h, const struct effect_record *effect, uint64_t last)
{
    if (effect->incarnation == last) {
        return true;
    }
    uint64_t kept = 0;
    for (size_t i = 0; i < h->loss_count; i++) {
        const struct history_loss *loss = &h->losses[i];
        if (loss->instance != effect->instance || loss->incarnation <= effect->incarnation) {
            continue;
        }
        if (loss->kept_until_ns == HISTORY_NEVER || effect->applied_ns > loss->kept_until_ns) {
            return false;
        }
        kept++;
    }
    return kept >= last - effect->incarnation;
}

static bool hit_what_was_named(const struct evidence *e, const struct op_record *op,
                               const struct effect_record *effect)
{
    if (e->renames || effect->collection == HISTORY_NONE || op->collection == HISTORY_NONE) {
        return true;
    }
    if (effect->collection != op->collection) {
        return false;
    }
    return effect->record == HISTORY_NONE || op->record == HISTORY_NONE || effect->record == op->record;
}

/* 409 to a create and 404 to a delete say that the state asked for is there already. */
static bool done_already(const struct effect_record *effect)
{
    bool create = effect->op == OP_COLLECTION_CREATE || effect->op == OP_DATABASE_CREATE ||
                  effect->op == OP_TENANT_CREATE;
    bool drop = effect->op == OP_COLLECTION_DELETE || effect->op == OP_DATABASE_DELETE;
    return (create && effect->real_status == 409) || (drop && effect->real_status == 404);
}

static void note(struct evidence *e, uint32_t effect_index, uint32_t position, bool alive)
{
    const struct effect_record *effect = &e->h->effects[effect_index];
    uint32_t op_index = e->op_of_effect[effect_index];
    if (op_index == HISTORY_NONE) {
        return;
    }
    struct trace *t = &e->traces[effect->instance][op_index];
    const struct op_record *op = &e->h->ops[op_index];
    if (!status_ok(effect->real_status)) {
        bool done = alive && done_already(effect);
        t->settled = t->settled || done;
        if (done && effect->answered_ns != HISTORY_NEVER) {
            t->known_ns = effect->answered_ns;
        }
        t->refused_ns = effect->applied_ns;
        t->refused_status = effect->real_status;
        return;
    }
    if (!hit_what_was_named(e, op, effect)) {
        t->misplaced = effect_index;
        return;
    }
    if (effect->op != op->op || effect->copied) {
        e->lost_state[effect->instance] = true; /* another operation carried the record there: a copy */
    }
    t->ever_ns = effect->applied_ns < t->ever_ns ? effect->applied_ns : t->ever_ns;
    if (!alive) {
        t->forgotten = true;
        return;
    }
    /* What a copy brings is the state after the write: no application where the write itself was there
     * before, and none any more when it comes in its turn. */
    if (effect->copied && t->first != EVIDENCE_NOWHERE && !t->by_copy) {
        return;
    }
    if (t->first == EVIDENCE_NOWHERE || (t->by_copy && !effect->copied)) {
        t->first = position;
        t->first_ns = effect->applied_ns;
        t->by_copy = effect->copied;
    }
    t->last = position;
    t->last_ns = effect->applied_ns;
    t->known_ns = effect->answered_ns == HISTORY_NEVER ? EVIDENCE_FOREVER : effect->answered_ns;
    t->settled = true;
}

static void note_repair(struct evidence *e, const struct effect_record *effect, uint32_t position)
{
    if (effect->copied && status_ok(effect->real_status) && effect->record != HISTORY_NONE) {
        e->repairs[effect->instance][e->repair_count[effect->instance]++] = (struct keyed){
            .key = (uint64_t)effect->collection << 32 | effect->record,
            .index = position,
        };
    }
}

static void trace_instance(struct evidence *e, uint32_t instance)
{
    const struct history *h = e->h;
    struct keyed *order = keyed_alloc(h->effect_count + 1, sizeof(*order));
    size_t count = 0;
    for (size_t i = 0; i < h->effect_count; i++) {
        if (h->effects[i].instance == instance) {
            order[count++] = (struct keyed){ .key = h->effects[i].apply_order, .index = (uint32_t)i };
        }
    }
    keyed_sort(order, count);
    uint64_t last = last_incarnation(h, instance);
    e->repairs[instance] = keyed_alloc(count + 1, sizeof(*e->repairs[instance]));
    for (size_t i = 0; i < count; i++) {
        bool alive = survived(h, &h->effects[order[i].index], last);
        e->lost_state[instance] = e->lost_state[instance] || !alive;
        note(e, order[i].index, (uint32_t)i, alive);
        if (alive) {
            note_repair(e, &h->effects[order[i].index], (uint32_t)i);
        }
    }
    keyed_sort(e->repairs[instance], e->repair_count[instance]);
    mem_free(order);
}

/* Two deletions of one collection that were under way together: when one has been carried out the other has
 * nothing left to do, and a balancer that looks first need not send it. */
static void settle_deletions(struct evidence *e, uint32_t instance)
{
    const struct history *h = e->h;
    int64_t *over_ns = keyed_alloc(h->collection_count + 1, sizeof(*over_ns));
    for (size_t c = 0; c < h->collection_count; c++) {
        over_ns[c] = HISTORY_NEVER;
    }
    for (unsigned pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < h->op_count; i++) {
            const struct op_record *op = &h->ops[i];
            struct trace *t = &e->traces[instance][i];
            if (op->op != OP_COLLECTION_DELETE || op->collection >= h->collection_count) {
                continue;
            }
            int64_t *over = &over_ns[op->collection];
            if (pass == 0 && t->settled && op_over_ns(op) > *over) {
                *over = op_over_ns(op);
            } else if (pass == 1 && *over >= op->sent_ns) {
                t->settled = true;
            }
        }
    }
    mem_free(over_ns);
}

void evidence_init(struct evidence *e, const struct checker_input *input)
{
    const struct history *h = input->history;
    if (input->evidence != NULL) {
        *e = *input->evidence;
        e->borrowed = true;
        return;
    }
    *e = (struct evidence){ .h = h, .instances = input->has_replica ? 2 : 1 };
    index_tags(e);
    for (size_t i = 0; i < h->op_count; i++) {
        e->renames = e->renames || h->ops[i].op == OP_COLLECTION_UPDATE;
    }
    e->op_of_effect = keyed_alloc(h->effect_count + 1, sizeof(*e->op_of_effect));
    for (size_t i = 0; i < h->effect_count; i++) {
        e->op_of_effect[i] = evidence_op(e, h->effects[i].tag);
    }
    for (size_t i = 0; i < h->loss_count; i++) {
        if (h->losses[i].instance < INSTANCE_COUNT) {
            e->lost_state[h->losses[i].instance] = true;
        }
    }
    for (uint32_t instance = 0; instance < e->instances; instance++) {
        e->traces[instance] = keyed_alloc(h->op_count + 1, sizeof(*e->traces[instance]));
        for (size_t i = 0; i < h->op_count; i++) {
            e->traces[instance][i] = (struct trace){
                .first = EVIDENCE_NOWHERE,
                .last = EVIDENCE_NOWHERE,
                .ever_ns = EVIDENCE_FOREVER,
                .known_ns = EVIDENCE_FOREVER,
                .misplaced = EVIDENCE_NOWHERE,
                .refused_ns = HISTORY_NEVER,
            };
        }
        trace_instance(e, instance);
        settle_deletions(e, instance);
    }
}

void evidence_deinit(struct evidence *e)
{
    if (e->borrowed) {
        return;
    }
    mem_free(e->op_of_effect);
    mem_free(e->traces[0]);
    mem_free(e->traces[1]);
    mem_free(e->repairs[0]);
    mem_free(e->repairs[1]);
    mem_free(e->tags);
    mem_free(e->by_tag);
    *e = (struct evidence){ 0 };
}
