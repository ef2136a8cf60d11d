/* no_lost_ack and conservation: where are the acknowledged writes?
 *
 * no_lost_ack asks each instance for each write.  conservation asks whether the balancer's own books
 * (pending, dead letters) agree with what is missing on the primary, and that nothing is left pending. */
#include "harness/checkers/evidence.h"
#include "harness/checkers/fates.h"
#include "harness/checkers/oracles.h"
#include "harness/checkers/words.h"

#include <inttypes.h>

#define TEXT_MAX     8192
#define EXAMPLES_MAX 5

static uint64_t as_count(double value)
{
    return value > 0 ? (uint64_t)value : 0;
}

static void tell_fate(struct buf *saw, const struct evidence *e, const struct fates *f, uint32_t instance,
                      uint32_t op_index)
{
    const struct trace *t = &e->traces[instance][op_index];
    const char *where = words_instance(instance);
    switch ((enum fate)f->of[instance][op_index]) {
        case FATE_REFUSED:
            buf_printf(saw, "but %s refused it (%d) at ", where, t->refused_status);
            words_time(saw, t->refused_ns);
            break;
        case FATE_MISPLACED: {
            const struct effect_record *effect = &e->h->effects[t->misplaced];
            buf_printf(
                saw, "but %s applied it to \"%s\"", where,
                effect->collection < e->h->collection_count ? e->h->collections[effect->collection] : "?");
            if (effect->record != HISTORY_NONE) {
                buf_printf(saw, " doc-%06" PRIu32, effect->record);
            }
            buf_append_text(saw, " at ");
            words_time(saw, effect->applied_ns);
            break;
        }
        case FATE_FORGOTTEN:
            buf_printf(saw, "and applied on %s at ", where);
            words_time(saw, t->ever_ns);
            buf_append_text(saw, ", but a restart took it away and it was never applied again");
            break;
        case FATE_WIPED:
            buf_printf(saw, "and applied on %s at ", where);
            words_time(saw, t->last_ns);
            buf_append_text(saw, ", but an older deletion of its collection was carried out again after it");
            break;
        case FATE_NEVER:
        case FATE_APPLIED:
        case FATE_SUPERSEDED:
        case FATE_COUNT:
            buf_printf(saw, "but never applied on %s", where);
            break;
    }
}

static void tell_missing(struct buf *saw, const struct evidence *e, const struct fates *f, uint32_t instance)
{
    const struct history *h = e->h;
    uint32_t first = f->first_missing[instance];
    words_op(saw, h, &h->ops[first]);
    buf_append_text(saw, " was ");
    words_outcome(saw, &h->ops[first]);
    buf_append_text(saw, " ");
    tell_fate(saw, e, f, instance, first);
    if (f->missing[instance] == 1) {
        return;
    }
    buf_printf(saw, "; in all %" PRIu64 " acknowledged writes are missing there (", f->missing[instance]);
    unsigned told = 0;
    for (size_t i = 0; i < h->op_count && told < EXAMPLES_MAX; i++) {
        bool missing = chroma_op_is_write(h->ops[i].op) && op_acknowledged(&h->ops[i]) &&
                       f->of[instance][i] >= FATE_NEVER;
        if (missing) {
            buf_printf(saw, "%s%" PRIu64, told++ == 0 ? "" : ", ", h->ops[i].tag);
        }
    }
    buf_append_text(saw, f->missing[instance] > EXAMPLES_MAX ? ", ...)" : ")");
}

void oracle_no_lost_ack(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected = "every acknowledged write is in effect on every instance at the end";
    struct evidence e;
    struct fates f;
    struct buf saw;
    evidence_init(&e, input);
    fates_init(&f, &e, input);
    buf_init(&saw, TEXT_MAX);
    uint64_t dead = as_count(input->dead_letters_at_end);
    uint64_t pending = as_count(input->pending_at_end);
    uint64_t missing = f.missing[0] + f.missing[1];
    /* What is shown as pending or dead-lettered is late or set aside, not lost; conservation judges that. */
    bool lost = f.missing[0] > dead + pending || f.missing[1] > dead;
    if (!lost) {
        buf_printf(&saw, "%" PRIu64 " acknowledged writes, all in effect on %s", f.acknowledged,
                   e.instances == 2 ? "both instances" : "the instance");
        if (missing > 0) {
            buf_printf(&saw, " but %" PRIu64 " that /status shows as pending or dead-lettered", missing);
        }
        words_pass(out, expected, &saw);
    } else {
        uint32_t worst = f.missing[0] > dead + pending ? 0 : 1;
        int64_t at_ns = input->history->ops[f.first_missing[worst]].done_ns;
        tell_missing(&saw, &e, &f, worst);
        if (worst == 0 && f.missing[1] > 0) {
            buf_printf(&saw, "; %" PRIu64 " are missing on the replica too", f.missing[1]);
        }
        if (input->history->lb_lost_queue) {
            buf_printf(&saw, "; the balancer itself reports %" PRIu64 " writes lost with its memory queue",
                       input->history->lost_on_crash);
        }
        words_fail(out, expected, &saw, at_ns);
    }
    fates_deinit(&f);
    evidence_deinit(&e);
}

/* Writes that may be dead letters, once for each instance that never carried them out: acknowledged ones,
 * whatever has excused them since (a younger write, a copy), and those whose outcome no client knows. */
static uint64_t never_carried_out(const struct evidence *e)
{
    uint64_t count = 0;
    for (size_t i = 0; i < e->h->op_count; i++) {
        const struct op_record *op = &e->h->ops[i];
        for (uint32_t instance = 0; instance < e->instances; instance++) {
            count += chroma_op_is_write(op->op) && !op_refused(op) && !e->traces[instance][i].settled;
        }
    }
    return count;
}

static int64_t end_of(const struct history *h)
{
    return h->sample_count > 0 ? h->samples[h->sample_count - 1].at_ns : HISTORY_NEVER;
}

void oracle_conservation(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected =
        "acknowledged = applied on the primary + pending + dead-lettered, and nothing is pending at the end";
    const struct history *h = input->history;
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    if (input->pending_at_end < 0) {
        buf_append_text(&saw, "the drained balancer's /status could not be had");
        words_fail(out, expected, &saw, end_of(h));
        return;
    }
    struct evidence e;
    struct fates f;
    evidence_init(&e, input);
    fates_init(&f, &e, input);
    uint64_t pending = as_count(input->pending_at_end);
    uint64_t dead = as_count(input->dead_letters_at_end);
    uint64_t lost = h->lb_lost_queue ? h->lost_on_crash : 0;
    uint64_t held_most = never_carried_out(&e);
    buf_printf(&saw,
               "%" PRIu64 " acknowledged = %" PRIu64 " applied + %" PRIu64 " pending + %" PRIu64
               " dead-lettered",
               f.acknowledged, f.acknowledged - f.missing[0], pending, dead);
    if (f.missing[0] > pending + dead + lost) {
        buf_printf(&saw, " + %" PRIu64 " that are nowhere: ", f.missing[0] - pending - dead);
        tell_missing(&saw, &e, &f, 0);
        words_fail(out, expected, &saw, h->ops[f.first_missing[0]].done_ns);
    } else if (pending > 0) {
        buf_printf(&saw, ": %" PRIu64 " still pending after everything was healed", pending);
        words_fail(out, expected, &saw, end_of(h));
    } else if (dead > held_most) {
        buf_printf(&saw, ": only %" PRIu64 " writes can be dead letters, all others were applied", held_most);
        words_fail(out, expected, &saw, end_of(h));
    } else {
        if (lost > 0) {
            buf_printf(&saw, " + %" PRIu64 " the balancer reports as lost", lost);
        }
        words_pass(out, expected, &saw);
    }
    fates_deinit(&f);
    evidence_deinit(&e);
}
