/* not_denied: a collection whose creation was acknowledged, and which nobody has asked to delete, is never
 * answered 404.
 *
 * One instance may have lost it, or never have had it; a page of something in between may say so: that is
 * between the balancer and them, and no answer for a client.  A name that was deleted at any time is left
 * alone: an id of its first life is rightly unknown in the second. */
#include "base/memory.h"
#include "harness/checkers/evidence.h"
#include "harness/checkers/oracles.h"
#include "harness/checkers/words.h"

#include <inttypes.h>

#define TEXT_MAX 8192

/* When each collection was there for certain; HISTORY_NEVER = that cannot be said. */
static int64_t *known_since(const struct history *h)
{
    int64_t *since_ns = mem_alloc_array(h->collection_count + 1, sizeof(*since_ns));
    for (size_t c = 0; c < h->collection_count; c++) {
        since_ns[c] = HISTORY_NEVER;
    }
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        bool created = op->op == OP_COLLECTION_CREATE && op_acknowledged(op);
        if (created && op->collection < h->collection_count &&
            (since_ns[op->collection] == HISTORY_NEVER || op->done_ns < since_ns[op->collection])) {
            since_ns[op->collection] = op->done_ns;
        }
    }
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        bool unsettled = op->op == OP_COLLECTION_DELETE || op->op == OP_COLLECTION_UPDATE;
        if (unsettled && op->collection < h->collection_count) {
            since_ns[op->collection] = HISTORY_NEVER;
        }
    }
    return since_ns;
}

/* Nobody can hold the balancer to anything where all was cleared, or its queue is known to be lost. */
static bool anything_goes(const struct history *h)
{
    for (size_t i = 0; i < h->op_count; i++) {
        if (h->ops[i].op == OP_RESET || h->ops[i].op == OP_DATABASE_DELETE) {
            return true;
        }
    }
    return h->lb_lost_queue;
}

void oracle_not_denied(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected = "no 404 for a collection that was acknowledged and never deleted";
    const struct history *h = input->history;
    const struct op_record *first = NULL;
    uint64_t judged = 0;
    uint64_t denied = 0;
    int64_t *since_ns = known_since(h);
    bool judges = !anything_goes(h);
    for (size_t i = 0; judges && i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        bool there = op->collection < h->collection_count && since_ns[op->collection] != HISTORY_NEVER &&
                     op->sent_ns >= since_ns[op->collection];
        if (!there || op->outcome != OP_ANSWERED) {
            continue;
        }
        judged++;
        if (op->status == 404) {
            denied++;
            first = first == NULL || op->done_ns < first->done_ns ? op : first;
        }
    }
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    if (first == NULL) {
        buf_printf(&saw, "%" PRIu64 " answers about collections that are there, none denies one", judged);
        words_pass(out, expected, &saw);
    } else {
        words_op(&saw, h, first);
        buf_append_text(&saw, " was answered 404 at ");
        words_time(&saw, first->done_ns);
        buf_append_text(&saw, ", but its collection was acknowledged at ");
        words_time(&saw, since_ns[first->collection]);
        buf_printf(&saw, " and never deleted (%" PRIu64 " such %s in all)", denied,
                   denied == 1 ? "answer" : "answers");
        words_fail(out, expected, &saw, first->done_ns);
    }
    mem_free(since_ns);
}
