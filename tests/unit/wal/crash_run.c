#include "tests/unit/wal/crash_run.h"

#include "base/check.h"
#include "base/memory.h"
#include <stdio.h>
#include <string.h>

const struct wal_writer_options run_small = { .segment_bytes = 16384,
                                              .log_id = 0x1122334455667788,
                                              .prepare = true };

static void fill_body(char *out, size_t size, uint64_t lsn, uint32_t generation)
{
    struct prng p;
    prng_seed(&p, lsn * 1000003u + generation);
    for (size_t i = 0; i < size; i += 8) {
        uint64_t v = prng_next(&p);
        memcpy(out + i, &v, size - i < 8 ? size - i : 8);
    }
}

static size_t fill_meta(char meta[32], uint64_t lsn, uint32_t generation)
{
    return (size_t)snprintf(meta, 32, "m%llu.%u", (unsigned long long)lsn, generation);
}

static uint8_t type_of(uint64_t lsn)
{
    return (uint8_t)(1 + lsn % 200);
}

/* ---- judging what came back ---- */

struct judge {
    const struct run_book *book;
    struct run_book *into; /* NULL = only look */
    uint64_t first;
    uint64_t last;
    const char *wrong;
};

static bool record_right(const struct run_book *book, const struct wal_record *r)
{
    char meta[32];
    if (r->lsn == 0 || r->lsn > book->appended || r->type != type_of(r->lsn) ||
        r->body.size != book->body_size[r->lsn]) {
        return false;
    }
    size_t meta_size = fill_meta(meta, r->lsn, book->generation[r->lsn]);
    if (!str_equal(r->meta, str_make(meta, meta_size))) {
        return false;
    }
    char stack[4096];
    char *body = r->body.size <= sizeof(stack) ? stack : mem_alloc(r->body.size);
    fill_body(body, r->body.size, r->lsn, book->generation[r->lsn]);
    bool same = str_equal(r->body, str_make(body, r->body.size));
    if (body != stack) {
        mem_free(body);
    }
    return same;
}

static void judge_record(void *context, const struct wal_record *record, bool first)
{
    struct judge *j = context;
    if (first != (j->first == 0)) {
        j->wrong = "first was not told of the first record alone";
    }
    if (j->last != 0 && record->lsn != j->last + 1) {
        j->wrong = "records with a gap";
    }
    if (!record_right(j->book, record)) {
        j->wrong = "a record that was never appended";
    }
    j->first = j->first == 0 ? record->lsn : j->first;
    j->last = record->lsn;
}

static const char *judge_end(struct judge *j)
{
    if (j->wrong != NULL) {
        return j->wrong;
    }
    if (j->last < j->book->reported) {
        return "a record that was reported durable is lost";
    }
    if (j->book->reported >= j->book->trimmed && j->book->reported > 0 &&
        (j->first == 0 || j->first > (j->book->trimmed > 0 ? j->book->trimmed : 1))) {
        return "a record that was not trimmed is lost";
    }
    return NULL;
}

static const char *execute_all(struct wal_writer *w, struct disk *disk)
{
    const struct wal_job *job;
    while ((job = wal_writer_next(w, false)) != NULL) {
        struct wal_result result = { 0, "" };
        for (size_t i = 0; i < job->op_count && result.code == 0; i++) {
            result.code = disk_execute(disk, &job->ops[i], &result.detail);
        }
        wal_writer_done(w, &result);
        if (result.code != 0) {
            return "the open job failed";
        }
    }
    return NULL;
}

const char *run_judge(struct disk *disk, const struct wal_writer_options *options,
                      const struct run_book *book, uint64_t *next_lsn)
{
    static char text[600];
    struct wal_writer *w = wal_writer_new(options);
    struct wal_source source = disk_source(disk);
    struct judge j = { .book = book };
    struct errmsg msg = { 0 };
    struct wal_recovery found = { 0 };
    const char *wrong = NULL;
    int rc = wal_writer_recover(w, &source, judge_record, &j, &found, &msg);
    if (rc != 0) {
        (void)snprintf(text, sizeof(text), "refused: %s", msg.text);
        wrong = text;
    } else {
        wrong = judge_end(&j);
    }
    if (wrong == NULL) {
        wrong = execute_all(w, disk);
    }
    *next_lsn = wal_writer_next_lsn(w);
    wal_writer_free(w);
    return wrong;
}

/* ---- running ---- */

int run_open(struct run *run, struct disk *disk, const struct wal_writer_options *options,
             const struct run_book *book, struct errmsg *msg)
{
    *run = (struct run){ .disk = disk };
    run->bodies = mem_alloc_array(RUN_LSN_MAX, sizeof(char *));
    if (book != NULL) {
        run->book = *book;
    }
    run->writer = wal_writer_new(options);
    struct judge j = { .book = &run->book };
    struct wal_source source = disk_source(disk);
    int rc = wal_writer_recover(run->writer, &source, judge_record, &j, NULL, msg);
    if (rc == 0 && judge_end(&j) != NULL) {
        rc = error_set(msg, ERR_STATE, "%s", judge_end(&j));
    }
    run->book.appended = wal_writer_next_lsn(run->writer) - 1;
    return rc;
}

void run_close(struct run *run)
{
    wal_writer_free(run->writer);
    for (size_t i = 0; i < RUN_LSN_MAX; i++) {
        mem_free(run->bodies[i]);
    }
    mem_free(run->bodies);
    disk_free(run->disk);
}

void run_append(struct run *run, uint32_t body_size, uint32_t generation, bool sync)
{
    uint64_t lsn = wal_writer_next_lsn(run->writer);
    CHECK(lsn < RUN_LSN_MAX);
    mem_free(run->bodies[lsn]);
    run->bodies[lsn] = mem_alloc((size_t)body_size + 32);
    size_t meta_size = fill_meta(run->bodies[lsn], lsn, generation);
    fill_body(run->bodies[lsn] + 32, body_size, lsn, generation);
    run->book.generation[lsn] = generation;
    run->book.body_size[lsn] = body_size;
    run->book.appended = lsn;
    struct wal_record record = { .lsn = lsn,
                                 .type = type_of(lsn),
                                 .meta = { run->bodies[lsn], meta_size },
                                 .body = { run->bodies[lsn] + 32, body_size } };
    wal_writer_append(run->writer, &record, sync);
}

static void run_notices(struct run *run)
{
    struct wal_notice n;
    while (wal_writer_poll(run->writer, &n)) {
        if (n.kind == WAL_NOTICE_DURABLE) {
            CHECK(n.lsn >= run->book.reported);
            run->book.reported = n.lsn;
            run->log_bytes = n.log_bytes;
        } else if (n.kind == WAL_NOTICE_FAILED) {
            CHECK(!run->failed);
            run->failed = true;
        } else {
            char expected[4096];
            CHECK(n.lsn < RUN_LSN_MAX && run->book.body_size[n.lsn] <= sizeof(expected));
            fill_body(expected, run->book.body_size[n.lsn], n.lsn, run->book.generation[n.lsn]);
            bool right = !n.failed && str_equal(n.body, str_make(expected, run->book.body_size[n.lsn]));
            run->reads += right ? 1 : 0;
            run->bad_reads += right ? 0 : 1;
        }
    }
}

bool run_step(struct run *run, bool idle)
{
    const struct wal_job *job = wal_writer_next(run->writer, idle);
    if (job == NULL) {
        return false;
    }
    struct wal_result result = { 0, "" };
    for (size_t i = 0; i < job->op_count && result.code == 0; i++) {
        result.code = disk_execute(run->disk, &job->ops[i], &result.detail);
        if (run->after_op != NULL) {
            run->after_op(run, run->context);
        }
    }
    wal_writer_done(run->writer, &result);
    run_notices(run);
    return true;
}

void run_work(struct run *run, bool idle)
{
    while (run_step(run, idle)) {
    }
}
