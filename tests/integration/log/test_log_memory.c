/* The log of WAL_MODE=memory on real files: what ties ids survives a kill, everything survives an orderly
 * stop, and what is lost is told. */
#include "base/memory.h"
#include "proxy/core/records.h"
#include "proxy/io/handover.h"
#include "proxy/io/log_memory.h"
#include "proxy/io/log_writer.h"
#include "tests/integration/log/stage.h"
#include "tests/lib/suite.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_SIZE 5000u
#define RECORDS   8u

struct told {
    size_t count;
    size_t wrong;
    uint64_t lsns[RECORDS];
    uint8_t types[RECORDS];
    size_t size; /* of each body */
};

static void tell(void *context, const struct wal_record *record, bool first)
{
    struct told *t = context;
    t->wrong +=
        first != (t->count == 0) || !str_equal(record->meta, STR("meta")) || record->body.size != t->size;
    if (t->count < RECORDS) {
        t->lsns[t->count] = record->lsn;
        t->types[t->count] = record->type;
    }
    t->count++;
}

static int try_open(struct log_store **log, struct told *told, bool *lost, struct errmsg *msg)
{
    *told = (struct told){ .size = BODY_SIZE };
    *lost = false;
    return log_memory_open(log, dir_path, NULL, tell, told, lost, msg);
}

static struct log_store *open_memory(struct told *told, bool *lost)
{
    struct log_store *log = NULL;
    struct errmsg msg = { 0 };
    int rc = try_open(&log, told, lost, &msg);
    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", msg.text);
    }
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    CU_ASSERT_EQUAL_FATAL(log_store_start(log, &msg), 0);
    return log;
}

/* Five records, the second and the last of which tie ids. */
static void fill(struct log_store *log)
{
    for (uint64_t lsn = 1; lsn <= 5; lsn++) {
        append_typed(log, lsn, lsn == 2 || lsn == 5 ? RECORD_LANE : RECORD_WRITE, BODY_SIZE, true);
    }
    CU_ASSERT(wait_durable(log, 5) > 0);
}

static void hand_over(struct log_store *log)
{
    struct errmsg msg = { 0 };
    int rc = log_store_hand_over(log, &msg);
    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", msg.text);
    }
    CU_ASSERT_EQUAL(rc, 0);
    log_store_close(log);
}

static bool is_there(const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir_path, name);
    return access(path, F_OK) == 0;
}

/* ---- tests ---- */

static void test_reads_and_trims(void)
{
    struct told told;
    bool lost;
    struct core_event event;
    dir_make();
    size_t live = block_bytes_live();
    struct log_store *log = open_memory(&told, &lost);
    CU_ASSERT_FALSE(lost); /* nothing was there: nothing is lost */
    for (uint64_t lsn = 1; lsn <= 200; lsn++) {
        append_typed(log, lsn, RECORD_WRITE, BODY_SIZE, true);
    }
    CU_ASSERT_EQUAL(wait_durable(log, 200), 200 * (BODY_SIZE + 4));
    struct log_port port = log_store_port(log);
    port.read(port.context, 200);
    CU_ASSERT_FATAL(next_event(log, &event) && event.kind == CORE_EV_LOG_READ);
    CU_ASSERT_FALSE(event.u.log_read.failed);
    CU_ASSERT(body_right(block_str(event.u.log_read.body), 200, BODY_SIZE));
    port.trim(port.context, 150);
    CU_ASSERT_EQUAL(wait_durable(log, 200), 51 * (BODY_SIZE + 4));
    port.read(port.context, 149);
    CU_ASSERT_FATAL(next_event(log, &event) && event.kind == CORE_EV_LOG_READ);
    CU_ASSERT_TRUE(event.u.log_read.failed);
    CU_ASSERT_FALSE(log_store_next(log, &event));
    struct pollfd p = { .fd = log_store_fd(log), .events = POLLIN };
    CU_ASSERT_EQUAL(poll(&p, 1, 0), 0); /* quiet when there is nothing */
    log_store_close(log);
    CU_ASSERT_EQUAL(block_bytes_live(), live);
    dir_remove();
}

static void test_ids_survive_a_hard_end(void)
{
    struct told told;
    bool lost;
    dir_make();
    struct log_store *log = open_memory(&told, &lost);
    fill(log);
    log_store_close(log); /* without a handover: as if it had been killed after the sync */
    log = open_memory(&told, &lost);
    CU_ASSERT_TRUE(lost);
    CU_ASSERT_EQUAL(told.count, 2);
    CU_ASSERT_EQUAL(told.wrong, 0);
    CU_ASSERT(told.types[0] == RECORD_LANE && told.types[1] == RECORD_LANE);
    append_typed(log, 77, RECORD_LANE, BODY_SIZE, true); /* numbers of its own choice */
    CU_ASSERT(wait_durable(log, 77) > 0);
    log_store_close(log);
    log = open_memory(&told, &lost);
    CU_ASSERT_TRUE(lost);
    CU_ASSERT_EQUAL(told.count, 3);
    log_store_close(log);
    dir_remove();
}

static void test_a_tie_is_durable_on_disk_first(void)
{
    struct told told;
    bool lost;
    struct core_event event;
    dir_make();
    struct log_store *log = NULL;
    struct errmsg msg;
    CU_ASSERT_EQUAL_FATAL(try_open(&log, &told, &lost, &msg), 0);
    while (log_store_next(log, &event)) { /* what opening has to tell */
    }
    append_typed(log, 1, RECORD_WRITE, BODY_SIZE, true);
    append_typed(log, 2, RECORD_LANE, BODY_SIZE, true);
    append_typed(log, 3, RECORD_WRITE, BODY_SIZE, true);
    CU_ASSERT_FATAL(log_store_next(log, &event) && event.kind == CORE_EV_LOG_DURABLE);
    CU_ASSERT_EQUAL(event.u.log_durable.lsn, 1); /* its thread does not run yet, so no more can be */
    CU_ASSERT_EQUAL_FATAL(log_store_start(log, &msg), 0);
    CU_ASSERT(wait_durable(log, 3) > 0);
    log_store_close(log);
    dir_remove();
}

static void test_old_ties_go(void)
{
    struct told told;
    bool lost;
    dir_make();
    struct log_store *log = open_memory(&told, &lost);
    uint64_t lsn = 1;
    for (; lsn <= 1000; lsn++) { /* several segments */
        append_typed(log, lsn, RECORD_LANE, BODY_SIZE, lsn == 1000);
    }
    append_typed(log, lsn, RECORD_CHECKPOINT, BODY_SIZE, true);
    CU_ASSERT(wait_durable(log, lsn) > 0);
    append_typed(log, lsn + 1, RECORD_LANE, BODY_SIZE, true);
    CU_ASSERT(wait_durable(log, lsn + 1) > 0);
    log_store_close(log);
    log = open_memory(&told, &lost);
    CU_ASSERT(told.count >= 2 && told.count < 400); /* what stands in the checkpoint's own segment */
    log_store_close(log);
    dir_remove();
}

static void test_handover(void)
{
    struct told told;
    bool lost;
    dir_make();
    size_t live = block_bytes_live();
    struct log_store *log = open_memory(&told, &lost);
    fill(log);
    struct log_port port = log_store_port(log);
    port.trim(port.context, 2);
    hand_over(log);
    CU_ASSERT(is_there("handover/0000000000000001.wal"));
    log = open_memory(&told, &lost);
    CU_ASSERT_FALSE(lost);
    CU_ASSERT_EQUAL(told.count, 4);
    CU_ASSERT_EQUAL(told.wrong, 0);
    CU_ASSERT(told.lsns[0] == 2 && told.lsns[3] == 5 && told.types[1] == RECORD_WRITE);
    CU_ASSERT_FALSE(is_there("handover")); /* read twice it would put old writes over new ones */
    append_typed(log, 6, RECORD_WRITE, BODY_SIZE, true);
    CU_ASSERT_EQUAL(wait_durable(log, 6), 5 * (BODY_SIZE + 4)); /* held as before, and goes on from there */
    log_store_close(log);
    CU_ASSERT_EQUAL(block_bytes_live(), live);
    log = open_memory(&told, &lost);
    CU_ASSERT_TRUE(lost); /* that life left none */
    CU_ASSERT_EQUAL(told.count, 2);
    log_store_close(log);
    dir_remove();
}

static void test_large_handover(void)
{
    enum { LARGE = 300000, COUNT = 100 };
    struct told told;
    bool lost;
    dir_make();
    struct log_store *log = open_memory(&told, &lost);
    for (uint64_t lsn = 1; lsn <= COUNT; lsn++) {
        append_typed(log, lsn, RECORD_WRITE, LARGE, true);
    }
    CU_ASSERT(wait_durable(log, COUNT) > 0);
    hand_over(log);
    CU_ASSERT(is_there("handover/0000000000000004.wal"));
    told = (struct told){ .size = LARGE };
    CU_ASSERT_EQUAL(handover_read(dir_path, tell, &told, NULL), 0);
    CU_ASSERT_EQUAL(told.count, COUNT);
    CU_ASSERT_EQUAL(told.wrong, 0);
    CU_ASSERT_EQUAL(told.lsns[0], 1);
    dir_remove();
}

static void test_full_disk(void)
{
    struct told told;
    bool lost;
    struct rlimit old;
    struct errmsg msg = { 0 };
    dir_make();
    struct log_store *log = open_memory(&told, &lost);
    fill(log);
    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit tight = { .rlim_cur = 10000, .rlim_max = old.rlim_max };
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
    CU_ASSERT_EQUAL(log_store_hand_over(log, &msg), ERR_IO);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "File too large"));
    log_store_close(log);
    CU_ASSERT_FALSE(is_there("handover"));
    CU_ASSERT_FALSE(is_there("handover.unfinished"));
    log = open_memory(&told, &lost);
    CU_ASSERT_TRUE(lost);
    log_store_close(log);
    dir_remove();
}

static void test_unfinished_handover(void)
{
    struct told told;
    bool lost;
    char from[256];
    char to[256];
    dir_make();
    struct log_store *log = open_memory(&told, &lost);
    fill(log);
    hand_over(log);
    (void)snprintf(from, sizeof(from), "%s/handover", dir_path);
    (void)snprintf(to, sizeof(to), "%s/handover.unfinished", dir_path);
    CU_ASSERT_EQUAL_FATAL(rename(from, to), 0); /* power failed before it got its name */
    log = open_memory(&told, &lost);
    CU_ASSERT_TRUE(lost);
    CU_ASSERT_EQUAL(told.count, 2);
    CU_ASSERT_FALSE(is_there("handover.unfinished"));
    log_store_close(log);
    dir_remove();
}

/* Whatever sector is spoilt: refused, and left as it is for a person to look at. */
static void test_damaged_handover(void)
{
    struct told told;
    bool lost;
    char path[256];
    dir_make();
    struct log_store *log = open_memory(&told, &lost);
    fill(log);
    hand_over(log);
    (void)snprintf(path, sizeof(path), "%s/handover/0000000000000001.wal", dir_path);
    struct stat st;
    CU_ASSERT_EQUAL_FATAL(stat(path, &st), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    char garbage[512];
    memset(garbage, 'x', sizeof(garbage));
    /* The last sector is the mark: without it nothing is missing. */
    for (off_t at = 0; at < st.st_size - 512; at += 512) {
        char sector[512];
        struct errmsg msg = { 0 };
        CU_ASSERT_EQUAL_FATAL(pread(fd, sector, sizeof(sector), at), (ssize_t)sizeof(sector));
        CU_ASSERT_EQUAL_FATAL(pwrite(fd, garbage, sizeof(garbage), at), (ssize_t)sizeof(garbage));
        CU_ASSERT_EQUAL(try_open(&log, &told, &lost, &msg), ERR_DAMAGED);
        CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "handover"));
        CU_ASSERT_EQUAL_FATAL(pwrite(fd, sector, sizeof(sector), at), (ssize_t)sizeof(sector));
    }
    (void)close(fd);
    log = open_memory(&told, &lost);
    CU_ASSERT_EQUAL(told.count, 5);
    log_store_close(log);
    dir_remove();
}

static void test_log_of_the_other_mode(void)
{
    struct told told;
    bool lost;
    struct errmsg msg = { 0 };
    struct log_store *log = NULL;
    struct log_writer_options options = { .dir = dir_path, .segment_bytes = 1u << 20 };
    dir_make();
    CU_ASSERT_EQUAL_FATAL(log_writer_open(&log, &options, tell, &told, NULL, &msg), 0);
    CU_ASSERT_EQUAL(try_open(&log, &told, &lost, &msg), ERR_BUSY); /* and not while it runs, of all times */
    log_store_close(log);
    CU_ASSERT_EQUAL(try_open(&log, &told, &lost, &msg), ERR_STATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "WAL_MODE=file"));
    dir_remove();
}

static const struct suite_test tests[] = {
    { "records are held until they are trimmed, and read back", test_reads_and_trims },
    { "what ties ids survives a hard end, which is told", test_ids_survive_a_hard_end },
    { "a tie is on disk before anything behind it counts as durable", test_a_tie_is_durable_on_disk_first },
    { "ties older than a checkpoint go", test_old_ties_go },
    { "a handover is read back once", test_handover },
    { "a handover of many segments", test_large_handover },
    { "a handover that the disk has no room for is told and leaves nothing", test_full_disk },
    { "an unfinished handover is none", test_unfinished_handover },
    { "a damaged handover is refused and kept", test_damaged_handover },
    { "the log of the other mode is refused", test_log_of_the_other_mode },
};
TEST_MAIN("log/memory", tests)
