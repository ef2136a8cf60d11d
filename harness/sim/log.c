/* Executes the writer machine's jobs on the simulated disk, one operation after another, as the log
 * thread does.  An operation takes effect in the cache when it begins, a sync when it ends; a crash in
 * between finds the disk as it is then.  Completions reach the core as events, never from inside a port
 * function.
 *
 * Memory mode keeps the records here and only their ties on the disk, as proxy/io/log_memory.c does
 * (proxy/wal/memory_log.h).  A handover is simply kept for the next life: how it is written and read is
 * proven on real files.
 */
#include "harness/sim/log.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/sim/balancer.h"
#include "harness/sim/disk.h"
#include "harness/sim/log_kept.h"
#include "harness/sim/log_op.h"
#include "proxy/core/records.h"
#include "proxy/wal/memory_log.h"
#include "proxy/wal/writer.h"

#define IDLE_NS            (5 * NS_PER_MS)
#define TIES_SEGMENT_BYTES (1u << 20)

struct wanted_read {
    uint64_t lsn;
};

struct sim_log {
    struct wal_writer *writer; /* in memory mode: of the ties */
    const struct wal_job *job; /* out now */
    size_t op;
    int result;
    bool kicked;
    struct happening *idle;
    bool opening;
    void (*on_ready)(struct world *w);
    struct prng prng;
    struct log_kept kept;
    /* Memory mode. */
    struct memory_log *memory; /* NULL in file mode */
    uint64_t next_tie;
    uint64_t tie_checkpoint; /* older ties may go when it is durable; 0 = none */
    uint64_t told_lsn;
    bool believed; /* the records of the ties: nothing was handed over */
    bool any_tie;
    struct wanted_read *reads;
    size_t read_count, read_capacity;
    unsigned generation;
};

static void run_job(struct world *w, struct sim_log *log);

static bool stale(const struct world *w, const struct happening *h)
{
    return w->log == NULL || w->log->generation != h->value;
}

static void tell_memory(struct world *w, struct sim_log *log)
{
    uint64_t durable_lsn = memory_log_durable_lsn(log->memory);
    if (log->told_lsn < durable_lsn) {
        log->told_lsn = durable_lsn;
        struct core_event event = { .kind = CORE_EV_LOG_DURABLE };
        event.u.log_durable.lsn = durable_lsn;
        event.u.log_durable.log_bytes = log->memory->held_bytes;
        balancer_event(w, &event);
    }
}

static void ties_durable(struct world *w, struct sim_log *log, uint64_t upto)
{
    memory_log_tie_durable(log->memory, upto);
    if (log->tie_checkpoint != 0 && log->tie_checkpoint <= upto) {
        wal_writer_trim(log->writer, log->tie_checkpoint);
        log->tie_checkpoint = 0;
    }
    tell_memory(w, log);
}

static void tell(struct world *w, struct sim_log *log, const struct wal_notice *n)
{
    struct core_event event = { 0 };
    switch (n->kind) {
        case WAL_NOTICE_DURABLE:
            log_kept_drop(&log->kept, n->lsn);
            journal_note(&w->journal, w->now_ns, JOURNAL_LB_DURABLE, n->lsn, n->log_bytes, 0, STR(""));
            if (log->memory != NULL) {
                ties_durable(w, log, n->lsn);
                break;
            }
            event.kind = CORE_EV_LOG_DURABLE;
            event.u.log_durable.lsn = n->lsn;
            event.u.log_durable.log_bytes = n->log_bytes;
            balancer_event(w, &event);
            break;
        case WAL_NOTICE_FAILED:
            journal_note(&w->journal, w->now_ns, JOURNAL_LB_DURABLE, 0, 0, 0, str_of(n->detail));
            event.kind = CORE_EV_LOG_FAILED;
            event.u.log_failed.detail = n->detail;
            balancer_event(w, &event);
            break;
        case WAL_NOTICE_READ: {
            struct block *meta = n->failed ? NULL : block_copy(n->meta.data, n->meta.size);
            struct block *body =
                n->failed || n->body.size == 0 ? NULL : block_copy(n->body.data, n->body.size);
            journal_note(&w->journal, w->now_ns, JOURNAL_LB_READ, n->lsn, n->body.size, 0, STR(""));
            event.kind = CORE_EV_LOG_READ;
            event.u.log_read.lsn = n->lsn;
            event.u.log_read.type = n->type;
            event.u.log_read.meta = meta;
            event.u.log_read.body = body;
            event.u.log_read.failed = n->failed;
            event.u.log_read.detail = n->detail;
            balancer_event(w, &event);
            block_unref(meta);
            block_unref(body);
            break;
        }
    }
}

static void next_job(struct world *w, struct sim_log *log, bool idle);

static void idle_passed(struct world *w, struct happening *h)
{
    if (stale(w, h)) {
        return;
    }
    w->log->idle = NULL;
    if (w->log->job == NULL) {
        next_job(w, w->log, true);
    }
}

static void next_job(struct world *w, struct sim_log *log, bool idle)
{
    log->job = wal_writer_next(log->writer, idle);
    log->op = 0;
    log->result = 0;
    if (log->job != NULL) {
        run_job(w, log);
    } else if (log->idle == NULL && wal_writer_has_idle_work(log->writer)) {
        log->idle = world_schedule_balancer(w, w->now_ns + IDLE_NS, idle_passed, NULL, log->generation);
    }
}

/* As the real disk says it. */
static const char *result_words(int code)
{
    return code == 0 ? "" : code == ERR_LIMIT ? "no space left on device" : error_text(code);
}

static void job_is_over(struct world *w, struct sim_log *log)
{
    struct wal_result result = { .code = log->result, .detail = result_words(log->result) };
    unsigned generation = log->generation;
    log->job = NULL;
    wal_writer_done(log->writer, &result);
    if (log->opening) {
        log->opening = false;
        log->on_ready(w);
    }
    struct wal_notice notice;
    while (w->log != NULL && w->log->generation == generation && wal_writer_poll(log->writer, &notice)) {
        tell(w, log, &notice);
    }
    if (w->log != NULL && w->log->generation == generation && log->job == NULL) {
        next_job(w, log, false);
    }
}

static void op_ended(struct world *w, struct happening *h)
{
    if (stale(w, h)) {
        return;
    }
    struct sim_log *log = w->log;
    if (log->result == 0) { /* else it was refused when it began: the disk is full */
        log->result = log_op_end(w, &log->job->ops[log->op]);
    }
    log->op++;
    if (log->result != 0 || log->op == log->job->op_count) {
        job_is_over(w, log);
    } else {
        run_job(w, log);
    }
}

/* Runs operations up to and including the next one whose end matters (a sync, or the last). */
static void run_job(struct world *w, struct sim_log *log)
{
    uint64_t took = 0;
    for (;;) {
        const struct wal_op *op = &log->job->ops[log->op];
        journal_note(&w->journal, w->now_ns, JOURNAL_DISK, (uint64_t)op->kind, op->offset, op->size,
                     str_of(op->name));
        log->result = log_op_begin(w, log->job, log->op, &log->kept);
        took += log_op_time(w, &log->prng, op);
        bool is_sync = op->kind == WAL_OP_SYNC || op->kind == WAL_OP_SYNC_DIR;
        if (log->result != 0 || is_sync || log->op + 1 == log->job->op_count) {
            break;
        }
        log->op++;
    }
    if (log->result != 0 && log->result != ERR_LIMIT) {
        world_fail(w, "the simulated disk refused an operation of the log's writer on %s: %s",
                   log->job->ops[log->op].name, error_text(log->result));
        return;
    }
    world_schedule_balancer(w, w->now_ns + took, op_ended, NULL, log->generation);
}

/* ---- the port ---- */

static void kick_file(struct world *w, struct sim_log *log)
{
    if (log->job == NULL && !log->opening) {
        next_job(w, log, false);
    }
}

static void kick_memory(struct world *w, struct sim_log *log)
{
    unsigned generation = log->generation;
    tell_memory(w, log);
    while (w->log == log && log->generation == generation && log->read_count > 0) {
        uint64_t lsn = log->reads[0].lsn;
        log->read_count--;
        memmove(log->reads, log->reads + 1, log->read_count * sizeof(*log->reads));
        const struct memory_record *record = memory_log_find(log->memory, lsn);
        struct core_event event = { .kind = CORE_EV_LOG_READ };
        event.u.log_read.lsn = lsn;
        event.u.log_read.failed = record == NULL;
        event.u.log_read.detail = record == NULL ? "the log in memory does not hold it any more" : "";
        event.u.log_read.type = record == NULL ? 0 : record->type;
        event.u.log_read.meta = record == NULL ? NULL : record->meta;
        event.u.log_read.body = record == NULL ? NULL : record->body;
        balancer_event(w, &event);
    }
}

static void kicked(struct world *w, struct happening *h)
{
    if (stale(w, h)) {
        return;
    }
    struct sim_log *log = w->log;
    log->kicked = false;
    kick_file(w, log);
    if (log->memory != NULL) {
        kick_memory(w, log);
    }
}

static void kick(struct world *w, struct sim_log *log)
{
    if (!log->kicked) {
        log->kicked = true;
        world_schedule_balancer(w, w->now_ns + NS_PER_US, kicked, NULL, log->generation);
    }
}

static void append_to_disk(struct sim_log *log, uint64_t lsn, uint8_t type, struct block *meta,
                           struct block *body, bool sync)
{
    struct wal_record record = { .lsn = lsn, .type = type, .meta = block_str(meta), .body = block_str(body) };
    log_kept_add(&log->kept, lsn, meta, body);
    wal_writer_append(log->writer, &record, sync);
}

static void port_append(void *context, uint64_t lsn, uint8_t type, struct block *meta, struct block *body,
                        bool sync)
{
    struct world *w = context;
    struct sim_log *log = w->log;
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_APPEND, lsn, type, block_str(body).size, block_str(meta));
    if (log->memory == NULL) {
        append_to_disk(log, lsn, type, meta, body, sync);
    } else {
        memory_log_append(log->memory, lsn, type, meta, body);
        if (record_ties_ids(type)) {
            uint64_t tie = log->next_tie++;
            append_to_disk(log, tie, type, meta, body, sync);
            log->tie_checkpoint = type == RECORD_CHECKPOINT ? tie : log->tie_checkpoint;
            if (sync) {
                memory_log_wait(log->memory, tie);
            }
        }
    }
    kick(w, log);
}

static void port_read(void *context, uint64_t lsn)
{
    struct world *w = context;
    struct sim_log *log = w->log;
    if (log->memory == NULL) {
        wal_writer_read(log->writer, lsn);
    } else {
        if (log->read_count == log->read_capacity) {
            log->read_capacity = log->read_capacity == 0 ? 16 : 2 * log->read_capacity;
            log->reads = mem_realloc(log->reads, log->read_capacity * sizeof(*log->reads));
        }
        log->reads[log->read_count++].lsn = lsn;
    }
    kick(w, log);
}

static void port_trim(void *context, uint64_t lsn)
{
    struct world *w = context;
    struct sim_log *log = w->log;
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_TRIM, lsn, 0, 0, STR(""));
    if (log->memory == NULL) {
        wal_writer_trim(log->writer, lsn);
        kick(w, log);
    } else {
        (void)memory_log_trim(log->memory, lsn);
    }
}

struct log_port sim_log_port(struct world *w)
{
    return (struct log_port){ .context = w, .append = port_append, .read = port_read, .trim = port_trim };
}

/* ---- open, finish, close ---- */

static int source_list(void *context, void (*each)(void *each_context, const char *name), void *each_context,
                       struct errmsg *msg)
{
    (void)msg;
    disk_list(context, each, each_context);
    return 0;
}

static int source_read(void *context, const char *name, bool last, struct buf *out, struct errmsg *msg)
{
    (void)last; /* nothing is cached apart from what a crash has already settled */
    int rc = disk_read_all(context, name, out);
    return rc == 0 ? 0 : error_set(msg, rc, "%s: %s", name, error_text(rc));
}

static void tell_record(struct world *w, const struct wal_record *record, bool first)
{
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_RECORD, record->lsn, record->type, record->body.size,
                 record->meta);
    struct core_event event = { .kind = CORE_EV_RECORD };
    event.u.record.lsn = record->lsn;
    event.u.record.type = record->type;
    event.u.record.meta = record->meta;
    event.u.record.body = record->body;
    event.u.record.first = first;
    balancer_event(w, &event);
}

static void record_found(void *context, const struct wal_record *record, bool first)
{
    struct world *w = context;
    if (w->log->memory != NULL) {
        w->log->any_tie = true;
        w->log->next_tie = record->lsn + 1;
        if (!w->log->believed) {
            return; /* the handover tells all that, and more */
        }
    }
    tell_record(w, record, first);
}

static void ready_now(struct world *w, struct happening *h)
{
    if (!stale(w, h)) {
        w->log->on_ready(w);
    }
}

static int open_file(struct world *w, struct sim_log *log, uint64_t segment_bytes, uint64_t log_id,
                     struct errmsg *msg)
{
    struct wal_writer_options options = {
        .segment_bytes = segment_bytes,
        .log_id = log_id,
        /* Zeroing 64 MiB ahead shows nothing that 1 MiB does not, and costs each run its time. */
        .prepare = segment_bytes <= (4u << 20),
    };
    log->writer = wal_writer_new(&options);
    struct wal_source source = { .context = w, .list = source_list, .read = source_read };
    struct wal_recovery found;
    int rc = wal_writer_recover(log->writer, &source, record_found, w, &found, msg);
    if (rc != 0) {
        return error_wrap(msg, rc, "open log");
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_RECORD, found.next_lsn, found.segments, found.torn,
                 str_of(found.torn_text));
    log->job = wal_writer_next(log->writer, false);
    if (log->job != NULL && log->job->kind == WAL_JOB_OPEN) {
        log->opening = true;
        run_job(w, log);
        return 0;
    }
    world_schedule_balancer(w, w->now_ns + NS_PER_MS, ready_now, NULL, log->generation);
    if (log->job != NULL) {
        run_job(w, log);
    }
    return 0;
}

static void tell_handover(struct world *w, const struct sim_log *log)
{
    const struct memory_log *m = log->memory;
    for (size_t i = m->head; i < m->count; i++) {
        const struct memory_record *kept = &m->records[i];
        struct wal_record record = {
            .lsn = kept->lsn, .type = kept->type, .meta = block_str(kept->meta), .body = block_str(kept->body)
        };
        tell_record(w, &record, i == m->head);
    }
}

int sim_log_open(struct world *w, const struct settings *settings, uint64_t log_id,
                 void (*on_ready)(struct world *w), struct errmsg *msg)
{
    struct sim_log *log = mem_alloc(sizeof(*log));
    struct prng root;
    prng_seed(&root, w->seed);
    log->prng = prng_split(&root, "log");
    log->on_ready = on_ready;
    log->generation = ++w->log_generation;
    w->log = log;
    if (settings->wal_mode == WAL_MODE_FILE) {
        return open_file(w, log, settings->wal_segment_bytes, log_id, msg);
    }
    log->believed = w->handover == NULL;
    log->memory = log->believed ? mem_alloc(sizeof(*log->memory)) : w->handover;
    log->next_tie = 1;
    if (log->believed) {
        memory_log_init(log->memory);
    }
    w->handover = NULL;
    tell_handover(w, log);
    return open_file(w, log, TIES_SEGMENT_BYTES, log_id, msg);
}

bool sim_log_lost_queue(const struct world *w)
{
    return w->log->memory != NULL && w->log->believed && w->log->any_tie;
}

/* The rest of a job, from an operation that has begun; ends at the first that fails. */
static void finish_ops(struct world *w, struct sim_log *log)
{
    for (;;) {
        if (log->result == 0) {
            log->result = log_op_end(w, &log->job->ops[log->op]);
        }
        if (log->result != 0 || ++log->op == log->job->op_count) {
            return;
        }
        log->result = log_op_begin(w, log->job, log->op, &log->kept);
    }
}

void sim_log_finish(struct world *w)
{
    struct sim_log *log = w->log;
    if (log == NULL) {
        return;
    }
    w->handover = log->memory;
    log->memory = NULL;
    /* The process waits for its log thread: what was under way ends, then the rest is written. */
    wal_writer_finish(log->writer);
    for (;;) {
        if (log->job == NULL) {
            log->job = wal_writer_next(log->writer, true);
            log->op = 0;
            if (log->job == NULL) {
                return;
            }
            log->result = log_op_begin(w, log->job, 0, &log->kept);
        }
        finish_ops(w, log);
        struct wal_notice notice;
        log->job = NULL;
        wal_writer_done(log->writer,
                        &(struct wal_result){ .code = log->result, .detail = result_words(log->result) });
        while (wal_writer_poll(log->writer, &notice)) {
        }
    }
}

void sim_log_drop(struct memory_log *memory)
{
    if (memory != NULL) {
        memory_log_deinit(memory);
        mem_free(memory);
    }
}

void sim_log_close(struct world *w)
{
    struct sim_log *log = w->log;
    if (log == NULL) {
        return;
    }
    if (log->writer != NULL) {
        wal_writer_free(log->writer);
    }
    sim_log_drop(log->memory);
    log_kept_deinit(&log->kept);
    mem_free(log->reads);
    mem_free(log);
    w->log = NULL;
}
