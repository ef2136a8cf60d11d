#include "proxy/core/checkpoint.h"

#include "base/check.h"
#include "base/units.h"
#include "proxy/core/forget.h"
#include "proxy/core/lanes.h"
#include "proxy/core/letters.h"
#include "proxy/core/mark.h"
#include "proxy/core/orders.h"
#include "proxy/core/quota.h"
#include "proxy/core/records.h"
#include "proxy/core/writes.h"

#define CHECKPOINT_BODY_MAX ((size_t)1 << 30)
#define CHECKPOINT_SHARE    4
#define MEMORY_STEP_BYTES   ((uint64_t)16 << 20)
#define RETAIN_QUOTA        0.5

static void append_marks(const struct core *core, struct buf *out)
{
    struct record_mark record = { .log_id = core->log_id, .instance = CORE_INSTANCES };
    record_mark_append(out, &record);
    for (unsigned i = 0; i < core->instance_count; i++) {
        const struct mark *mark = &core->instances[i].mark;
        if (mark->ever) {
            record.instance = (uint8_t)i;
            record.lsn = mark->lsn;
            record_mark_append(out, &record);
        }
    }
}

static struct block *checkpoint_body(struct core *core)
{
    struct buf b;
    buf_init(&b, CHECKPOINT_BODY_MAX);
    buf_append_u64(&b, core->stats.total_replayed);
    buf_append_u64(&b, HASH_CNT(by_birth, core->lanes));
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        struct record_lane record;
        lane_describe(lane, &record);
        record_lane_append(&b, &record);
    }
    append_marks(core, &b);
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    return body;
}

uint64_t checkpoint_step_bytes(const struct core *core)
{
    uint64_t segment = core->settings.wal_segment_bytes;
    bool small = core->settings.wal_mode == WAL_MODE_MEMORY && segment > MEMORY_STEP_BYTES;
    return small ? MEMORY_STEP_BYTES : segment;
}

/* Rule 5: an instance that was set back a little finds in the log what it lost. Not at the price of the
 * quota: with half of it used, nothing is kept for that. */
static uint64_t retained_from(struct core *core)
{
    struct retain *r = &core->retain;
    uint64_t keep_ns = core->settings.wal_retain_ns;
    if (keep_ns == 0 || core->settings.wal_mode == WAL_MODE_MEMORY || quota_used(core) > RETAIN_QUOTA) {
        return UINT64_MAX;
    }
    if (r->count == 0 || core->now_ns - r->steps[r->count - 1].at_ns >= keep_ns / RETAIN_STEPS) {
        CHECK(r->count <= RETAIN_STEPS);
        r->steps[r->count++] = (struct retain_step){ .at_ns = core->now_ns, .lsn = core->next_lsn };
    }
    while (r->count > 0 && (r->count > RETAIN_STEPS || core->now_ns - r->steps[0].at_ns >= keep_ns)) {
        r->floor_lsn = r->steps[0].lsn;
        r->count--;
        memmove(r->steps, r->steps + 1, r->count * sizeof(r->steps[0]));
    }
    return r->floor_lsn;
}

static uint64_t first_needed(struct core *core)
{
    const struct entry *oldest = entries_from(&core->entries, 0);
    uint64_t lsn = core->checkpoint_lsn;
    lsn = oldest != NULL && oldest->lsn < lsn ? oldest->lsn : lsn;
    uint64_t retained = retained_from(core);
    lsn = retained < lsn ? retained : lsn;
    return mark_pins(core, lsn);
}

static struct block *checkpoint_meta(const struct core *core)
{
    struct buf b;
    buf_init(&b, 64);
    buf_append_char(&b, '1');
    for (unsigned i = 0; i < core->instance_count; i++) {
        if (core->instances[i].needs_resync) {
            buf_append_char(&b, (char)('0' + i));
        }
    }
    if (orders_hold(core)) {
        struct record_orders orders;
        orders_describe(core, &orders);
        buf_append_char(&b, ';');
        record_orders_append(&b, &orders);
    }
    struct block *meta = block_from_buf(&b);
    buf_deinit(&b);
    CHECK(meta != NULL);
    return meta;
}

void writes_checkpoint(struct core *core)
{
    if (core->checkpoint_pending_lsn != 0 && core->checkpoint_pending_lsn <= core->durable_lsn) {
        core->checkpoint_lsn = core->checkpoint_pending_lsn;
        core->checkpoint_pending_lsn = 0;
    }
    uint64_t step = checkpoint_step_bytes(core);
    uint64_t worth = CHECKPOINT_SHARE * core->checkpoint_bytes; /* not mostly checkpoints */
    bool due = core->checkpoint_wanted || core->appended_bytes > (step > worth ? step : worth);
    if (core->checkpoint_pending_lsn == 0 && due) {
        forget_gone(core);
        struct block *body = checkpoint_body(core);
        if (body != NULL) {
            core->checkpoint_pending_lsn =
                core_append(core, RECORD_CHECKPOINT, checkpoint_meta(core), body, core->checkpoint_wanted);
            core->appended_bytes = 0;
            core->checkpoint_bytes = body->size;
            core->checkpoint_wanted = false;
            block_unref(body);
        }
    }
    uint64_t needed = first_needed(core);
    letters_move(core, needed);
    needed = needed < letters_needed(core) ? needed : letters_needed(core);
    if (needed > core->trimmed_lsn) {
        core->trimmed_lsn = needed;
        core_push(core, CORE_ACT_TRIM)->u.trim.lsn = needed;
    }
}
