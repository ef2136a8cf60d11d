/* The log in memory: what is held, what waits for a tie, and that a handover is a log like any other. */
#include "base/check.h"
#include "base/memory.h"
#include "proxy/wal/frame.h"
#include "proxy/wal/memory_log.h"
#include "tests/lib/suite.h"
#include <string.h>

static struct memory_log m;

static void append(uint64_t lsn, size_t size)
{
    struct block *meta = block_copy("meta", 4);
    struct block *body = size == 0 ? NULL : block_new(size);
    CU_ASSERT_FATAL(meta != NULL && (size == 0 || body != NULL));
    if (body != NULL) {
        memset(body->data, (int)('a' + lsn % 26), size);
    }
    memory_log_append(&m, lsn, (uint8_t)(1 + lsn % 9), meta, body);
    block_unref(meta);
    block_unref(body);
}

static void test_holds_what_is_not_trimmed(void)
{
    size_t live = block_bytes_live();
    memory_log_init(&m);
    CU_ASSERT_PTR_NULL(memory_log_find(&m, 1));
    uint64_t next = 7;                              /* a log need not begin with 1 */
    for (unsigned round = 0; round < 50; round++) { /* its room is used again and again */
        for (unsigned i = 0; i < 40; i++) {
            append(next++, i);
        }
        CU_ASSERT_TRUE(memory_log_trim(&m, next - 5));
        CU_ASSERT_FALSE(memory_log_trim(&m, next - 5));
        CU_ASSERT_PTR_NULL(memory_log_find(&m, next - 6));
        CU_ASSERT_EQUAL(memory_log_find(&m, next - 5)->lsn, next - 5);
        CU_ASSERT_EQUAL(memory_log_find(&m, next - 1)->body->size, 39);
        CU_ASSERT_PTR_NULL(memory_log_find(&m, next));
        CU_ASSERT_EQUAL(m.held_bytes, 5 * 4 + 35 + 36 + 37 + 38 + 39);
    }
    CU_ASSERT(m.capacity <= 128);
    memory_log_deinit(&m);
    CU_ASSERT_EQUAL(block_bytes_live(), live);
}

static void test_durable_in_order(void)
{
    memory_log_init(&m);
    CU_ASSERT_EQUAL(memory_log_durable_lsn(&m), 0);
    append(1, 10);
    CU_ASSERT_EQUAL(memory_log_durable_lsn(&m), 1);
    append(2, 10);
    memory_log_wait(&m, 100);
    append(3, 10);
    append(4, 10);
    memory_log_wait(&m, 101);
    append(5, 10);
    CU_ASSERT_EQUAL(memory_log_durable_lsn(&m), 1);
    memory_log_tie_durable(&m, 99);
    CU_ASSERT_EQUAL(memory_log_durable_lsn(&m), 1);
    memory_log_tie_durable(&m, 100);
    CU_ASSERT_EQUAL(memory_log_durable_lsn(&m), 3);
    memory_log_tie_durable(&m, 101);
    CU_ASSERT_EQUAL(memory_log_durable_lsn(&m), 5);
    for (uint64_t lsn = 6; lsn < 60; lsn++) { /* many at once */
        append(lsn, 0);
        memory_log_wait(&m, 100 + lsn);
    }
    CU_ASSERT_EQUAL(memory_log_durable_lsn(&m), 5);
    memory_log_tie_durable(&m, 1000);
    CU_ASSERT_EQUAL(memory_log_durable_lsn(&m), 59);
    memory_log_deinit(&m);
}

/* Reads one segment and checks each record against what is held; the LSN behind its last. */
static uint64_t read_segment(struct str bytes, uint64_t sequence, uint64_t first)
{
    struct wal_scan scan;
    struct wal_record record;
    struct errmsg msg = { "" };
    CU_ASSERT_EQUAL_FATAL(wal_scan_begin(&scan, bytes, 77, &msg), 0);
    CU_ASSERT_EQUAL(scan.header.sequence, sequence);
    CU_ASSERT_EQUAL(scan.header.first_lsn, first);
    int rc;
    while ((rc = wal_scan_next(&scan, &record, &msg)) == 0) {
        const struct memory_record *held = memory_log_find(&m, record.lsn);
        CU_ASSERT_PTR_NOT_NULL_FATAL(held);
        CU_ASSERT_EQUAL(record.type, held->type);
        CU_ASSERT_TRUE(str_equal(record.meta, block_str(held->meta)));
        CU_ASSERT_TRUE(str_equal(record.body, block_str(held->body)));
    }
    CU_ASSERT_EQUAL(rc, ERR_NOT_FOUND); /* a clean end */
    CU_ASSERT_EQUAL(scan.durable_lsn, scan.next_lsn - 1);
    uint64_t next = scan.next_lsn;
    wal_scan_end(&scan);
    return next;
}

static void test_handover(void)
{
    struct buf bytes;
    uint64_t next = 0;
    buf_init(&bytes, WAL_FILE_BYTES_MAX);
    memory_log_init(&m);
    CU_ASSERT_FALSE(memory_log_segment(&m, 77, 1, 10000, &next, &bytes)); /* nothing is held */
    for (uint64_t lsn = 1; lsn <= 40; lsn++) {
        append(lsn, lsn == 20 ? 700000 : 1000); /* one in chunks, larger than a segment */
    }
    (void)memory_log_trim(&m, 3);
    uint64_t sequence = 1;
    uint64_t expected = 3;
    while (memory_log_segment(&m, 77, sequence, 10000, &next, &bytes)) {
        expected = read_segment(buf_str(&bytes), sequence, expected);
        CU_ASSERT_EQUAL(next, expected);
        buf_clear(&bytes);
        sequence++;
    }
    CU_ASSERT_EQUAL(expected, 41);
    CU_ASSERT(sequence > 4);
    buf_deinit(&bytes);
    memory_log_deinit(&m);
}

static const struct suite_test tests[] = {
    { "records are held until they are trimmed", test_holds_what_is_not_trimmed },
    { "a record behind a tie is durable after it", test_durable_in_order },
    { "a handover reads back as what was held", test_handover },
};
TEST_MAIN("wal memory log", tests)
