/* The vocabulary of the failure texts.  One broken promise is told once, with the first write it hit and
 * how many more; the reader finds the same tags, ids and times in the report's tables. */
#include "harness/checkers/words.h"

#include "base/chroma_route.h"
#include "base/memory.h"
#include "base/units.h"
#include <inttypes.h>

void words_time(struct buf *out, int64_t t_ns)
{
    if (t_ns == HISTORY_NEVER) {
        buf_append_text(out, "never");
        return;
    }
    if (t_ns < 0) {
        buf_append_char(out, '-');
    }
    uint64_t ms = (t_ns < 0 ? -(uint64_t)t_ns : (uint64_t)t_ns) / NS_PER_MS;
    uint64_t minutes = ms / 60000;
    if (minutes >= 60) {
        buf_printf(out, "%" PRIu64 "h%02" PRIu64 "m", minutes / 60, minutes % 60);
    } else if (minutes > 0) {
        buf_printf(out, "%" PRIu64 "m", minutes);
    }
    buf_printf(out, minutes > 0 ? "%02" PRIu64 ".%03" PRIu64 "s" : "%" PRIu64 ".%03" PRIu64 "s",
               ms / 1000 % 60, ms % 1000);
}

void words_op(struct buf *out, const struct history *h, const struct op_record *op)
{
    const char *what = chroma_op_is_write(op->op) ? "write" : "read";
    buf_printf(out, "%s %" PRIu64 " (%s", what, op->tag, chroma_op_name(op->op));
    if (op->record != HISTORY_NONE) {
        buf_printf(out, " of doc-%06" PRIu32, op->record);
    }
    if (op->collection != HISTORY_NONE && op->collection < h->collection_count) {
        buf_printf(out, "%s \"%s\"", op->record != HISTORY_NONE ? " in" : " of",
                   h->collections[op->collection]);
    }
    buf_append_char(out, ')');
}

void words_outcome(struct buf *out, const struct op_record *op)
{
    switch (op->outcome) {
        case OP_PENDING:
            buf_append_text(out, "never answered");
            return;
        case OP_CONN_REFUSED:
            buf_append_text(out, "not connected at ");
            break;
        case OP_CONN_BROKEN:
            buf_append_text(out, "cut off without an answer at ");
            break;
        case OP_TIMED_OUT:
            buf_append_text(out, "given up by its client at ");
            break;
        case OP_ANSWERED:
            if (op->status >= 200 && op->status < 300) {
                buf_append_text(out, "acknowledged at ");
            } else {
                buf_append_text(out, op->status < 500 ? "refused at " : "answered with an error at ");
            }
            break;
    }
    words_time(out, op->done_ns);
    if (op->outcome == OP_ANSWERED) {
        buf_printf(out, " (%d%s)", op->status, op->queued ? ", queued" : "");
    }
}

const char *words_instance(uint32_t instance)
{
    return instance == 0 ? "the primary" : "the replica";
}

static void judge(struct assertion_result *out, bool passed, const char *expected, struct buf *saw,
                  int64_t at_ns)
{
    mem_free(out->expected);
    mem_free(out->saw);
    out->passed = passed;
    out->skipped = false;
    out->expected = mem_strdup(expected);
    out->saw = mem_strdup(buf_text(saw));
    out->at_ns = at_ns;
    buf_deinit(saw);
}

void words_pass(struct assertion_result *out, const char *expected, struct buf *saw)
{
    judge(out, true, expected, saw, HISTORY_NEVER);
}

void words_fail(struct assertion_result *out, const char *expected, struct buf *saw, int64_t at_ns)
{
    judge(out, false, expected, saw, at_ns);
}
