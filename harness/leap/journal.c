/* Field by field: the bytes between the fields of a struct mean nothing. */
#include "harness/leap/journal.h"

static void add(struct digest *d, const uint64_t *figures, size_t count)
{
    union {
        const uint64_t *from;
        const char *to;
    } bytes = { .from = figures };
    digest_add(d, str_make(bytes.to, count * sizeof(*figures)));
}

static void add_op(struct digest *d, const struct op_record *op)
{
    const uint64_t figures[] = { op->tag,
                                 op->op,
                                 op->collection,
                                 op->record,
                                 (uint64_t)op->planned_ns,
                                 (uint64_t)op->sent_ns,
                                 (uint64_t)op->done_ns,
                                 op->outcome,
                                 (uint64_t)op->status,
                                 op->queued,
                                 (uint64_t)op->seen_tag };
    add(d, figures, sizeof(figures) / sizeof(figures[0]));
}

static void add_effect(struct digest *d, const struct effect_record *effect)
{
    const uint64_t figures[] = { effect->instance,
                                 effect->op,
                                 effect->tag,
                                 effect->collection,
                                 effect->record,
                                 (uint64_t)effect->received_ns,
                                 (uint64_t)effect->applied_ns,
                                 effect->apply_order,
                                 (uint64_t)effect->real_status,
                                 effect->incarnation };
    add(d, figures, sizeof(figures) / sizeof(figures[0]));
}

void leap_journal_hash(const struct history *h, char text[DIGEST_TEXT_SIZE + 1])
{
    struct digest *d = digest_new();
    for (size_t i = 0; i < h->op_count; i++) {
        add_op(d, &h->ops[i]);
    }
    for (size_t i = 0; i < h->effect_count; i++) {
        add_effect(d, &h->effects[i]);
    }
    for (size_t i = 0; i < h->sample_count; i++) {
        const uint64_t figures[] = { (uint64_t)h->samples[i].at_ns, h->samples[i].answered,
                                     (uint64_t)h->samples[i].pending_writes,
                                     (uint64_t)h->samples[i].total_replayed };
        add(d, figures, sizeof(figures) / sizeof(figures[0]));
    }
    digest_text(d, text);
    digest_free(d);
}
