/* refused_not_applied: a 4xx told the client that nothing happened.  No instance may ever have carried
 * the write out, not even one that forgot it since, and no read may have seen it. */
#include "harness/checkers/evidence.h"
#include "harness/checkers/oracles.h"
#include "harness/checkers/words.h"

#include <inttypes.h>

#define TEXT_MAX 8192

struct refused_breach {
    uint64_t count;
    const struct op_record *op;
    const struct effect_record *effect; /* or */
    const struct op_record *read;
    int64_t at_ns;
};

static void note_earliest(struct refused_breach *b, const struct op_record *op,
                          const struct effect_record *effect, const struct op_record *read, int64_t at_ns)
{
    if (b->count++ == 0 || at_ns < b->at_ns) {
        b->op = op;
        b->effect = effect;
        b->read = read;
        b->at_ns = at_ns;
    }
}

static void look_at_effects(const struct evidence *e, struct refused_breach *breach)
{
    const struct history *h = e->h;
    for (size_t i = 0; i < h->effect_count; i++) {
        uint32_t op = e->op_of_effect[i];
        if (op != HISTORY_NONE && op_refused(&h->ops[op]) && status_ok(h->effects[i].real_status)) {
            note_earliest(breach, &h->ops[op], &h->effects[i], NULL, h->effects[i].applied_ns);
        }
    }
}

static void look_at_reads(const struct evidence *e, struct refused_breach *breach)
{
    const struct history *h = e->h;
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *read = &h->ops[i];
        if (chroma_op_is_write(read->op) || read->seen_tag <= 0 || !op_acknowledged(read)) {
            continue;
        }
        uint32_t op = evidence_op(e, (uint64_t)read->seen_tag);
        if (op != HISTORY_NONE && op_refused(&h->ops[op])) {
            note_earliest(breach, &h->ops[op], NULL, read, read->done_ns);
        }
    }
}

void oracle_refused_not_applied(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected = "a write answered with 4xx has no effect on any instance at any time";
    struct evidence e;
    evidence_init(&e, input);
    struct refused_breach breach = { 0 };
    look_at_effects(&e, &breach);
    look_at_reads(&e, &breach);
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    if (breach.count == 0) {
        uint64_t refused = 0;
        for (size_t i = 0; i < e.h->op_count; i++) {
            refused += chroma_op_is_write(e.h->ops[i].op) && op_refused(&e.h->ops[i]);
        }
        buf_printf(&saw, "%" PRIu64 " writes were refused, none was applied", refused);
        words_pass(out, expected, &saw);
    } else {
        words_op(&saw, e.h, breach.op);
        buf_append_text(&saw, " was ");
        words_outcome(&saw, breach.op);
        if (breach.effect != NULL) {
            buf_printf(&saw, ", yet %s applied it at ", words_instance(breach.effect->instance));
            words_time(&saw, breach.effect->applied_ns);
        } else {
            buf_append_text(&saw, ", yet ");
            words_op(&saw, e.h, breach.read);
            buf_append_text(&saw, " saw it at ");
            words_time(&saw, breach.read->done_ns);
        }
        buf_printf(&saw, " (%" PRIu64 " such %s in all)", breach.count, breach.count == 1 ? "case" : "cases");
        words_fail(out, expected, &saw, breach.at_ns);
    }
    evidence_deinit(&e);
}
