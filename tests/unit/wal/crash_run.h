/* Equipment shared by the writer's tests: a log over the crash disk whose every record can be told from
 * its LSN and generation, so that whatever comes back can be judged. */
#ifndef WALDRILL_TESTS_UNIT_WAL_CRASH_RUN_H
#define WALDRILL_TESTS_UNIT_WAL_CRASH_RUN_H

#include "tests/unit/wal/crash_disk.h"

#define RUN_LSN_MAX 512

/* Which life of the log wrote each record last: the contents follow from (lsn, generation, size). */
struct run_book {
    uint32_t generation[RUN_LSN_MAX];
    uint32_t body_size[RUN_LSN_MAX];
    uint64_t appended; /* highest LSN handed to the writer */
    uint64_t reported; /* highest LSN told durable */
    uint64_t trimmed;  /* everything below was given up */
};

struct run {
    struct disk *disk;
    struct wal_writer *writer;
    struct run_book book;
    char **bodies; /* by LSN: borrowed by the writer until durable */
    bool failed;
    uint64_t reads;     /* notices READ with the right body */
    uint64_t bad_reads; /* failed or wrong */
    uint64_t log_bytes;
    /* Called after every operation, before its result is known to the writer. */
    void (*after_op)(struct run *run, void *context);
    void *context;
};

extern const struct wal_writer_options run_small; /* segments of 16 KiB with spares */

/* Judges a directory: recovers it and compares with the book. NULL = sound; else what is wrong. */
const char *run_judge(struct disk *disk, const struct wal_writer_options *options,
                      const struct run_book *book, uint64_t *next_lsn);

/* Opens a log on disk (which the run then owns) and brings the book in line with what was found. */
int run_open(struct run *run, struct disk *disk, const struct wal_writer_options *options,
             const struct run_book *book, struct errmsg *msg);
void run_close(struct run *run); /* frees; does not finish the writer */
void run_append(struct run *run, uint32_t body_size, uint32_t generation, bool sync);
/* Executes jobs until there is none. */
void run_work(struct run *run, bool idle);
/* One job; false when there is none. */
bool run_step(struct run *run, bool idle);

#endif
