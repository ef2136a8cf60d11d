/* Frames: what is written is read back, and whatever else stands in a segment is told apart as a clean
 * end, an unfinished tail or damage, without reading past its bounds. */
#include "proxy/wal/frame.h"

#include "base/digest.h"
#include "base/prng.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define LOG_ID UINT64_C(0xABCDEF0123456789)

static void begin_segment(struct buf *out, uint64_t sequence, uint64_t first_lsn)
{
    struct wal_segment_header header = {
        .log_id = LOG_ID, .sequence = sequence, .first_lsn = first_lsn, .version = WAL_FORMAT_VERSION
    };
    buf_init(out, 64u << 20);
    wal_segment_header_encode(out, &header);
}

static void add_record(struct buf *out, uint64_t sequence, uint64_t lsn, uint64_t durable, struct str body)
{
    struct wal_stamp stamp = { .log_id = LOG_ID, .sequence = sequence, .durable_lsn = durable };
    struct wal_record r = { .lsn = lsn, .type = 9, .meta = STR("meta"), .body = body };
    wal_record_encode(out, &stamp, &r);
}

/* One record, one commit. */
static void add_commit(struct buf *out, uint64_t lsn, struct str body)
{
    add_record(out, 1, lsn, lsn - 1, body);
    wal_pad_to_sector(out);
}

/* Scans to the end: the number of records, and what ended it. */
static size_t scan_all(struct str segment, int *end, struct errmsg *msg)
{
    struct wal_scan scan;
    struct wal_record r;
    size_t count = 0;
    *end = wal_scan_begin(&scan, segment, LOG_ID, msg);
    if (*end != 0) {
        return 0;
    }
    while ((*end = wal_scan_next(&scan, &r, msg)) == 0) {
        count++;
    }
    wal_scan_end(&scan);
    return count;
}

static void test_round_trip(void)
{
    static const size_t sizes[] = { 0,
                                    1,
                                    7,
                                    8,
                                    412,
                                    420,
                                    5000,
                                    WAL_CHUNK_BYTES - 1,
                                    WAL_CHUNK_BYTES,
                                    WAL_CHUNK_BYTES + 1,
                                    2 * WAL_CHUNK_BYTES,
                                    5 * WAL_CHUNK_BYTES + 3 };
    struct buf body;
    struct buf segment;
    buf_init(&body, 8u << 20);
    for (size_t i = 0; i < 6u * WAL_CHUNK_BYTES; i++) {
        buf_append_char(&body, (char)(i * 31 >> 3));
    }
    begin_segment(&segment, 1, 100);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t before = segment.size;
        add_record(&segment, 1, 100 + i, 99, str_make(body.data, sizes[i]));
        CU_ASSERT_EQUAL(segment.size - before, wal_record_encoded_size(4, sizes[i]));
        CU_ASSERT_EQUAL(segment.size % 8, 0);
    }
    struct wal_scan scan;
    struct wal_record r;
    struct errmsg msg = { 0 };
    CU_ASSERT_EQUAL_FATAL(wal_scan_begin(&scan, buf_str(&segment), LOG_ID, &msg), 0);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        CU_ASSERT_EQUAL_FATAL(wal_scan_next(&scan, &r, &msg), 0);
        CU_ASSERT_EQUAL(r.lsn, 100 + i);
        CU_ASSERT_EQUAL(r.type, 9);
        CU_ASSERT(str_equal(r.meta, STR("meta")));
        CU_ASSERT(str_equal(r.body, str_make(body.data, sizes[i])));
        /* and by its place alone */
        struct buf again;
        uint8_t type = 0;
        struct str meta = { 0 };
        buf_init(&again, 8u << 20);
        struct str place = { segment.data + scan.record_at, segment.size - scan.record_at };
        CU_ASSERT_EQUAL(wal_record_decode(place, LOG_ID, 1, r.lsn, &type, &meta, &again, &msg), 0);
        CU_ASSERT(str_equal(buf_str(&again), str_make(body.data, sizes[i])));
        CU_ASSERT_EQUAL(wal_record_decode(place, LOG_ID, 1, r.lsn + 1, &type, &meta, &again, &msg),
                        ERR_DAMAGED);
        CU_ASSERT_EQUAL(wal_record_decode(place, LOG_ID, 2, r.lsn, &type, &meta, &again, &msg), ERR_DAMAGED);
        buf_deinit(&again);
    }
    CU_ASSERT_EQUAL(wal_scan_next(&scan, &r, &msg), ERR_NOT_FOUND);
    wal_scan_end(&scan);
    buf_deinit(&segment);
    buf_deinit(&body);
}

static void test_clean_ends(void)
{
    struct buf segment;
    struct errmsg msg = { 0 };
    int end = 0;
    begin_segment(&segment, 1, 1);
    CU_ASSERT_EQUAL(scan_all(buf_str(&segment), &end, &msg), 0);
    CU_ASSERT_EQUAL(end, ERR_NOT_FOUND);
    add_commit(&segment, 1, STR("one"));
    add_commit(&segment, 2, STR("two"));
    char zeros[2048] = { 0 };
    buf_append(&segment, zeros, sizeof(zeros));
    CU_ASSERT_EQUAL(scan_all(buf_str(&segment), &end, &msg), 2);
    CU_ASSERT_EQUAL(end, ERR_NOT_FOUND);
    buf_deinit(&segment);
}

/* A recycled file: behind the new frames stand whole frames of its earlier life. */
static void test_earlier_life(void)
{
    struct buf old;
    struct buf segment;
    struct errmsg msg = { 0 };
    int end = 0;
    begin_segment(&old, 1, 1);
    for (uint64_t lsn = 1; lsn <= 6; lsn++) {
        add_commit(&old, lsn, STR("old"));
    }
    begin_segment(&segment, 2, 7);
    add_record(&segment, 2, 7, 6, STR("new"));
    wal_pad_to_sector(&segment);
    buf_append(&segment, old.data + segment.size, old.size - segment.size);
    CU_ASSERT_EQUAL(scan_all(buf_str(&segment), &end, &msg), 1);
    CU_ASSERT_EQUAL(end, ERR_NOT_FOUND);
    buf_deinit(&segment);
    buf_deinit(&old);
}

/* Three records of one commit; the middle one lost: none of them was ever acknowledged. */
static void test_hole_in_unsynced_tail(void)
{
    struct buf segment;
    struct errmsg msg = { 0 };
    int end = 0;
    char body[600];
    memset(body, 'x', sizeof(body));
    begin_segment(&segment, 1, 1);
    add_commit(&segment, 1, STR("durable"));
    size_t second = segment.size;
    for (uint64_t lsn = 2; lsn <= 4; lsn++) {
        add_record(&segment, 1, lsn, 1, str_make(body, sizeof(body)));
    }
    memset(segment.data + second, 0, WAL_SECTOR_BYTES);
    CU_ASSERT_EQUAL(scan_all(buf_str(&segment), &end, &msg), 1);
    CU_ASSERT_EQUAL(end, ERR_TORN);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "unfinished record 2 at 1024"));
    buf_deinit(&segment);
}

static void test_hole_in_durable(void)
{
    struct buf segment;
    struct errmsg msg = { 0 };
    int end = 0;
    begin_segment(&segment, 1, 1);
    for (uint64_t lsn = 1; lsn <= 4; lsn++) {
        add_commit(&segment, lsn, STR("a durable record"));
    }
    segment.data[WAL_SECTOR_BYTES * 2 + 60] ^= 1;
    CU_ASSERT_EQUAL(scan_all(buf_str(&segment), &end, &msg), 1);
    CU_ASSERT_EQUAL(end, ERR_DAMAGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "record 2 is missing or broken at 1024"));
    /* the last commit proves nothing of itself; a mark behind it does */
    segment.data[WAL_SECTOR_BYTES * 2 + 60] ^= 1;
    segment.data[WAL_SECTOR_BYTES * 4 + 60] ^= 1;
    CU_ASSERT_EQUAL(scan_all(buf_str(&segment), &end, &msg), 3);
    CU_ASSERT_EQUAL(end, ERR_TORN);
    struct wal_stamp stamp = { .log_id = LOG_ID, .sequence = 1, .durable_lsn = 4 };
    wal_mark_encode(&segment, &stamp);
    CU_ASSERT_EQUAL(scan_all(buf_str(&segment), &end, &msg), 3);
    CU_ASSERT_EQUAL(end, ERR_DAMAGED);
    buf_deinit(&segment);
}

static void test_header(void)
{
    struct buf segment;
    struct errmsg msg = { 0 };
    int end = 0;
    begin_segment(&segment, 1, 1);
    CU_ASSERT_EQUAL(segment.size, WAL_SECTOR_BYTES);
    for (size_t size = 0; size < WAL_SECTOR_BYTES; size += 73) {
        (void)scan_all(str_make(segment.data, size), &end, &msg);
        CU_ASSERT_EQUAL(end, ERR_DAMAGED);
    }
    for (size_t at = 0; at < WAL_SECTOR_BYTES; at++) {
        segment.data[at] ^= 0x10;
        (void)scan_all(buf_str(&segment), &end, &msg);
        CU_ASSERT_EQUAL(end, ERR_DAMAGED);
        segment.data[at] ^= 0x10;
    }
    struct wal_scan scan;
    CU_ASSERT_EQUAL(wal_scan_begin(&scan, buf_str(&segment), LOG_ID + 1, &msg), ERR_DAMAGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "belongs to log abcdef0123456789"));
    buf_deinit(&segment);
    struct wal_segment_header header = { .log_id = LOG_ID, .sequence = 1, .first_lsn = 1, .version = 2 };
    buf_init(&segment, 4096);
    wal_segment_header_encode(&segment, &header);
    (void)scan_all(buf_str(&segment), &end, &msg);
    CU_ASSERT_EQUAL(end, ERR_UNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "format version 2"));
    buf_deinit(&segment);
}

/* Random bytes over random places of a segment: never a crash (asan), never a record that was not
 * written, never one skipped. */
static void test_hostile_bytes(void)
{
    struct buf segment;
    struct prng dice;
    prng_seed(&dice, 11);
    begin_segment(&segment, 1, 1);
    for (uint64_t lsn = 1; lsn <= 12; lsn++) {
        add_commit(&segment, lsn, str_make("0123456789abcdef0123456789abcdef", (size_t)lsn * 2));
    }
    unsigned ends[3] = { 0 };
    for (unsigned round = 0; round < 20000; round++) {
        struct buf copy;
        struct errmsg msg = { 0 };
        int end = 0;
        buf_init(&copy, 64u << 20);
        size_t size = (size_t)prng_between(&dice, WAL_SECTOR_BYTES, segment.size);
        buf_append(&copy, segment.data, size);
        for (uint64_t hits = prng_below(&dice, 4); hits > 0 && size > WAL_SECTOR_BYTES; hits--) {
            copy.data[prng_between(&dice, WAL_SECTOR_BYTES, size - 1)] = (char)prng_next(&dice);
        }
        struct wal_scan scan;
        struct wal_record r;
        uint64_t last = 0;
        CU_ASSERT_EQUAL_FATAL(wal_scan_begin(&scan, buf_str(&copy), LOG_ID, &msg), 0);
        while ((end = wal_scan_next(&scan, &r, &msg)) == 0) {
            CU_ASSERT_EQUAL(r.lsn, last + 1);
            CU_ASSERT_EQUAL(r.body.size, r.lsn * 2);
            last = r.lsn;
        }
        ends[end == ERR_NOT_FOUND ? 0 : end == ERR_TORN ? 1 : 2]++;
        wal_scan_end(&scan);
        buf_deinit(&copy);
    }
    CU_ASSERT(ends[0] > 100);
    CU_ASSERT(ends[1] > 100);
    CU_ASSERT(ends[2] > 100);
    buf_deinit(&segment);
}

/* A body full of what looks like frames costs a search no more than its length. */
static void test_lookalikes(void)
{
    struct buf body;
    struct buf segment;
    struct buf one;
    struct errmsg msg = { 0 };
    int end = 0;
    begin_segment(&one, 1, 1);
    add_record(&one, 1, 1, 0, STR("seed"));
    buf_init(&body, 32u << 20);
    while (body.size < (16u << 20)) { /* the magic and sizes that would reach far, at every 8 bytes */
        buf_append(&body, one.data + WAL_SECTOR_BYTES, 4);
        buf_append_u32(&body, 0x000FFFFF);
    }
    begin_segment(&segment, 1, 1);
    add_record(&segment, 1, 1, 0, buf_str(&body));
    segment.data[WAL_SECTOR_BYTES + 70] ^= 1;
    CU_ASSERT_EQUAL(scan_all(buf_str(&segment), &end, &msg), 0);
    CU_ASSERT_EQUAL(end, ERR_TORN);
    buf_deinit(&segment);
    buf_deinit(&body);
    buf_deinit(&one);
}

/* Logs outlive programs: these bytes were written by format version 1.  If this fails the format has
 * changed: it needs a new version number, and a reader for the old one. */
static void test_version_1_bytes(void)
{
    struct buf segment;
    char digest[DIGEST_TEXT_SIZE + 1];
    begin_segment(&segment, 1, 1);
    add_commit(&segment, 1, STR("first"));
    add_commit(&segment, 2, STR("{\"ids\":[\"a\"]}"));
    struct wal_stamp stamp = { .log_id = LOG_ID, .sequence = 1, .durable_lsn = 2 };
    wal_mark_encode(&segment, &stamp);
    wal_pad_to_sector(&segment);
    CU_ASSERT_EQUAL(segment.size, 4 * WAL_SECTOR_BYTES);
    digest_of(buf_str(&segment), digest);
    CU_ASSERT_STRING_EQUAL(digest, "51eb391358eaf59240b447d7f4d38c1f");
    CU_ASSERT_EQUAL(memcmp(segment.data, "\x89WDLOG\r\n", 8), 0);
    CU_ASSERT_EQUAL(memcmp(segment.data + WAL_SECTOR_BYTES, "\xF5\xFE\xC1\xF6", 4), 0);
    CU_ASSERT_EQUAL(memcmp(segment.data + WAL_SECTOR_BYTES + 48, "metafirst", 9), 0);
    buf_deinit(&segment);
}

static const struct suite_test tests[] = {
    { "the bytes of format version 1 do not change", test_version_1_bytes },
    { "every size is read back as it was written", test_round_trip },
    { "zeros and nothing are a clean end", test_clean_ends },
    { "frames of a recycled file's earlier life are none", test_earlier_life },
    { "a hole in the unsynced tail is an unfinished tail", test_hole_in_unsynced_tail },
    { "a hole that was once durable is damage", test_hole_in_durable },
    { "a header that is not sound, foreign or of another version is refused", test_header },
    { "hostile bytes never make or skip a record", test_hostile_bytes },
    { "look-alike frames in a body do not slow the search", test_lookalikes },
};
TEST_MAIN("wal/frame", tests)
