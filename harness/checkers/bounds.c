/* bounded_recovery and bounded_memory: that it ends, and that it does not grow.
 *
 * Recovery: from the moment everything is mended the balancer has a fixed time, and some for each write that
 * waits then, to come to rest with all of its instances; and each acknowledged write has arrived on each
 * instance by the same time.  What comes late has arrived late however well /status spoke of it.
 *
 * Memory: what /status says of the memory for payloads and of the number of writes that wait is held against
 * the bounds the balancer was given.  That it tells the truth about the latter is another oracle's affair. */
#include "base/units.h"
#include "harness/checkers/evidence.h"
#include "harness/checkers/oracles.h"
#include "harness/checkers/words.h"

#include <inttypes.h>

#define TEXT_MAX 8192
/* Backoff may stand at its longest when all is mended, and a copy may have to begin anew. */
#define RECOVERY_NS ((int64_t)(5 * 60 * NS_PER_S))
/* The slowest pace at which writes are replayed one by one. */
#define PER_WRITE_NS ((int64_t)(NS_PER_S / 2))

/* Pending when all was mended, as /status said then or next. */
static double pending_when_healed(const struct checker_input *input)
{
    const struct history *h = input->history;
    for (size_t i = 0; i < h->sample_count; i++) {
        if (h->samples[i].answered && h->samples[i].at_ns >= input->healed_ns) {
            return h->samples[i].pending_writes > 0 ? h->samples[i].pending_writes : 0;
        }
    }
    return 0;
}

struct arrival {
    const struct op_record *op; /* the acknowledged write that arrived last; NULL = none after the healing */
    uint32_t instance;
    int64_t at_ns;
};

static struct arrival last_arrival(const struct evidence *e, int64_t healed_ns)
{
    struct arrival last = { .at_ns = healed_ns };
    for (uint32_t instance = 0; instance < e->instances; instance++) {
        for (size_t i = 0; i < e->h->op_count; i++) {
            const struct trace *t = &e->traces[instance][i];
            if (op_acknowledged(&e->h->ops[i]) && t->ever_ns != EVIDENCE_FOREVER && t->ever_ns > last.at_ns) {
                last = (struct arrival){ .op = &e->h->ops[i], .instance = instance, .at_ns = t->ever_ns };
            }
        }
    }
    return last;
}

void oracle_bounded_recovery(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected =
        "at rest within five minutes, and half a second for each pending write, "
        "after everything was mended";
    const struct history *h = input->history;
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    if (!input->healed || h->sample_count == 0) {
        buf_append_text(&saw, "nothing was mended");
        words_pass(out, expected, &saw);
        return;
    }
    struct evidence e;
    evidence_init(&e, input);
    int64_t bound_ns = RECOVERY_NS + (int64_t)pending_when_healed(input) * PER_WRITE_NS;
    struct arrival last = last_arrival(&e, input->healed_ns);
    int64_t rest_ns = h->samples[h->sample_count - 1].at_ns;
    if (!input->drained) {
        buf_append_text(&saw, "no rest until ");
        words_time(&saw, rest_ns);
        buf_printf(&saw, ": %g writes pending, is_replaying %s",
                   h->samples[h->sample_count - 1].pending_writes,
                   h->samples[h->sample_count - 1].is_replaying ? "true" : "false");
        words_fail(out, expected, &saw, rest_ns);
    } else if (last.op != NULL && last.at_ns - input->healed_ns > bound_ns) {
        words_op(&saw, h, last.op);
        buf_printf(&saw, " reached %s only at ", words_instance(last.instance));
        words_time(&saw, last.at_ns);
        buf_append_text(&saw, "; all was mended at ");
        words_time(&saw, input->healed_ns);
        words_fail(out, expected, &saw, last.at_ns);
    } else if (rest_ns - input->healed_ns > bound_ns) {
        buf_append_text(&saw, "at rest only at ");
        words_time(&saw, rest_ns);
        words_fail(out, expected, &saw, rest_ns);
    } else {
        buf_append_text(&saw, "at rest after ");
        words_time(&saw, rest_ns - input->healed_ns);
        words_pass(out, expected, &saw);
    }
    evidence_deinit(&e);
}

void oracle_bounded_memory(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected =
        "payloads in memory and pending writes within WAL_MEMORY_BYTES (and a request for each instance) and "
        "WAL_MAX_WRITES";
    const struct history *h = input->history;
    double bytes = 0;
    double writes = 0;
    int64_t at_ns = HISTORY_NEVER;
    for (size_t i = 0; i < h->sample_count; i++) {
        const struct status_sample *s = &h->samples[i];
        bool over =
            s->answered && ((input->memory_most != 0 && s->memory_bytes > (double)input->memory_most) ||
                            (input->writes_most != 0 && s->pending_writes > (double)input->writes_most));
        at_ns = over && at_ns == HISTORY_NEVER ? s->at_ns : at_ns;
        bytes = s->answered && s->memory_bytes > bytes ? s->memory_bytes : bytes;
        writes = s->answered && s->pending_writes > writes ? s->pending_writes : writes;
    }
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    buf_printf(&saw, "at most %.0f bytes", bytes);
    if (input->memory_most != 0) {
        buf_printf(&saw, " of %" PRIu64, input->memory_most);
    }
    buf_printf(&saw, " and %.0f pending writes", writes);
    if (input->writes_most != 0) {
        buf_printf(&saw, " of %" PRIu64, input->writes_most);
    }
    if (at_ns == HISTORY_NEVER) {
        words_pass(out, expected, &saw);
        return;
    }
    buf_append_text(&saw, "; over it first at ");
    words_time(&saw, at_ns);
    words_fail(out, expected, &saw, at_ns);
}
