/* Decides the fate of each acknowledged write from its traces.
 *
 * What may excuse a missing write must not be older than it: a deletion that was over before the write
 * was sent cannot have removed it, unless somebody carried it out again. */
#include "harness/checkers/fates.h"

#include "base/memory.h"
#include "harness/checkers/oracles.h"

struct deletions {
    size_t count;        /* collections */
    int64_t *over_ns;    /* when the youngest deletion the instance knows of was over */
    uint32_t *position;  /* of the last one carried out; EVIDENCE_NOWHERE */
    int64_t upheaval_ns; /* last reset or deletion of a database; HISTORY_NEVER */
};

static void deletions_init(struct deletions *d, const struct evidence *e, uint32_t instance)
{
    const struct history *h = e->h;
    *d = (struct deletions){ .count = h->collection_count, .upheaval_ns = HISTORY_NEVER };
    d->over_ns = keyed_alloc(d->count + 1, sizeof(*d->over_ns));
    d->position = keyed_alloc(d->count + 1, sizeof(*d->position));
    for (size_t c = 0; c < d->count; c++) {
        d->over_ns[c] = HISTORY_NEVER;
        d->position[c] = EVIDENCE_NOWHERE;
    }
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        const struct trace *t = &e->traces[instance][i];
        if (op->op != OP_COLLECTION_DELETE || op->collection >= d->count || !t->settled) {
            continue;
        }
        int64_t over = op_over_ns(op);
        uint32_t c = op->collection;
        d->over_ns[c] = over > d->over_ns[c] ? over : d->over_ns[c];
        if (t->last != EVIDENCE_NOWHERE && (d->position[c] == EVIDENCE_NOWHERE || t->last > d->position[c])) {
            d->position[c] = t->last;
        }
    }
    for (size_t i = 0; i < h->effect_count; i++) {
        const struct effect_record *effect = &h->effects[i];
        if (effect->instance != instance || !status_ok(effect->real_status)) {
            continue;
        }
        if ((effect->op == OP_RESET || effect->op == OP_DATABASE_DELETE) &&
            effect->applied_ns > d->upheaval_ns) {
            d->upheaval_ns = effect->applied_ns;
        }
        if (effect->op == OP_COLLECTION_DELETE && e->op_of_effect[i] == HISTORY_NONE &&
            effect->collection < d->count) {
            d->over_ns[effect->collection] =
                EVIDENCE_FOREVER; /* not one of ours: it may have been any time */
        }
    }
}

static void deletions_deinit(struct deletions *d)
{
    mem_free(d->over_ns);
    mem_free(d->position);
}

static enum fate fate_of(const struct deletions *d, const struct op_record *op, const struct trace *t)
{
    bool deleted_since = op->collection < d->count && op->op != OP_COLLECTION_DELETE &&
                         d->over_ns[op->collection] >= op->sent_ns;
    bool upheaval = d->upheaval_ns != HISTORY_NEVER && op->sent_ns <= d->upheaval_ns;
    if (t->last != EVIDENCE_NOWHERE) {
        bool wiped = op->collection < d->count && op->op != OP_COLLECTION_DELETE &&
                     d->position[op->collection] != EVIDENCE_NOWHERE && t->last < d->position[op->collection];
        return wiped && !deleted_since && !upheaval ? FATE_WIPED : FATE_APPLIED;
    }
    if (t->settled) {
        return FATE_APPLIED;
    }
    if (deleted_since || upheaval) {
        return FATE_SUPERSEDED;
    }
    if (t->misplaced != EVIDENCE_NOWHERE) {
        return FATE_MISPLACED;
    }
    if (t->forgotten) {
        return FATE_FORGOTTEN;
    }
    return t->refused_ns != HISTORY_NEVER ? FATE_REFUSED : FATE_NEVER;
}

/* An instance that forgot, or was filled by copying, holds only the last state of a record: a write is
 * not missed there when one that is not older is there, or when a deletion is what is to be seen. */
static void excuse_superseded(struct fates *f, const struct evidence *e, uint32_t instance)
{
    const struct history *h = e->h;
    struct keyed *group = keyed_alloc(h->op_count + 1, sizeof(*group));
    size_t count = 0;
    for (size_t i = 0; i < h->op_count; i++) {
        if (op_writes_record(&h->ops[i]) && !op_refused(&h->ops[i])) {
            group[count++] = (struct keyed){ .key = op_key(&h->ops[i]), .index = (uint32_t)i };
        }
    }
    keyed_sort(group, count);
    for (size_t start = 0, end = 0; start < count; start = end) {
        int64_t youngest = HISTORY_NEVER;
        for (end = start; end < count && group[end].key == group[start].key; end++) {
            const struct op_record *op = &h->ops[group[end].index];
            bool there = e->traces[instance][group[end].index].last != EVIDENCE_NOWHERE;
            int64_t over = op_over_ns(op);
            youngest = (there || op->op == OP_DELETE) && over > youngest ? over : youngest;
        }
        for (size_t i = start; i < end; i++) {
            uint8_t *fate = &f->of[instance][group[i].index];
            if (*fate >= FATE_NEVER && *fate != FATE_WIPED && youngest >= h->ops[group[i].index].sent_ns) {
                *fate = FATE_SUPERSEDED;
            }
        }
    }
    mem_free(group);
}

/* What both hold alike in the end. */
struct alike {
    bool letters; /* there are dead letters: without any, both are alike in all or count as different */
    bool looked, all, known; /* known: but for these records */
    struct keyed *differing;
    size_t count;
};

static bool is_alike(struct alike *a, const struct history *h, const struct op_record *op)
{
    if (!a->looked) {
        a->looked = true;
        a->all = converge_equal(h);
        a->known = a->all || (a->letters && h->content[0] != NULL && h->content[1] != NULL &&
                              converge_differing(h, &a->differing, &a->count));
    }
    size_t low = 0;
    size_t high = a->count;
    uint64_t key = op_writes_record(op) ? op_key(op) : UINT64_MAX;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        low = a->differing[middle].key < key ? middle + 1 : low;
        high = a->differing[middle].key < key ? high : middle;
    }
    return a->known && !(low < a->count && a->differing[low].key == key);
}

/* Where a balancer made both equal, what both hold alike in the end is in effect on one if it is on the
 * other, whatever way it came there: a balancer that copies a collection need not carry out each of its
 * writes.  A record may differ because of a dead letter.  Contents can be hundreds of megabytes: they are
 * compared only when there is something to excuse. */
static void excuse_equal(struct fates *f, const struct history *h, bool letters)
{
    struct alike alike = { .letters = letters };
    for (size_t i = 0; i < h->op_count; i++) {
        for (uint32_t instance = 0; instance < INSTANCE_COUNT; instance++) {
            if (h->resynced[instance] && f->of[instance][i] >= FATE_NEVER &&
                f->of[1 - instance][i] < FATE_NEVER && is_alike(&alike, h, &h->ops[i])) {
                f->of[instance][i] = FATE_SUPERSEDED;
            }
        }
    }
    mem_free(alike.differing);
}

void fates_init(struct fates *f, const struct evidence *e, const struct checker_input *input)
{
    if (input->fates != NULL) {
        *f = *input->fates;
        f->borrowed = true;
        return;
    }
    const struct history *h = e->h;
    *f = (struct fates){ .first_missing = { HISTORY_NONE, HISTORY_NONE } };
    for (uint32_t instance = 0; instance < e->instances; instance++) {
        struct deletions deletions;
        deletions_init(&deletions, e, instance);
        f->of[instance] = keyed_alloc(h->op_count + 1, sizeof(*f->of[instance]));
        for (size_t i = 0; i < h->op_count; i++) {
            f->of[instance][i] = (uint8_t)fate_of(&deletions, &h->ops[i], &e->traces[instance][i]);
        }
        deletions_deinit(&deletions);
        if (e->lost_state[instance]) {
            excuse_superseded(f, e, instance);
        }
    }
    if (e->instances == 2) {
        excuse_equal(f, h, input->dead_letters_at_end > 0);
    }
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        if (!chroma_op_is_write(op->op) || !op_acknowledged(op)) {
            continue;
        }
        f->acknowledged++;
        for (uint32_t instance = 0; instance < e->instances; instance++) {
            if (f->of[instance][i] < FATE_NEVER) {
                continue;
            }
            f->missing[instance]++;
            uint32_t *first = &f->first_missing[instance];
            if (*first == HISTORY_NONE || op->done_ns < h->ops[*first].done_ns) {
                *first = (uint32_t)i;
            }
        }
    }
}

void fates_deinit(struct fates *f)
{
    if (f->borrowed) {
        return;
    }
    mem_free(f->of[0]);
    mem_free(f->of[1]);
}
