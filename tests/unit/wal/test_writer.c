/* The writer machine: what is batched, rolled, recycled and told. */
#include "tests/lib/suite.h"
#include "tests/unit/wal/crash_run.h"

#include <string.h>

static void open_run(struct run *run, struct disk *disk, const struct wal_writer_options *options,
                     const struct run_book *book)
{
    struct errmsg msg = { 0 };
    CU_ASSERT_EQUAL_FATAL(run_open(run, disk, options, book, &msg), 0);
    CU_ASSERT(run_step(run, false)); /* the open job */
}

static size_t count_files(const struct disk *disk, const char *end)
{
    size_t count = 0;
    for (size_t i = 0; i < disk_file_count(disk); i++) {
        count += str_ends(str_of(disk_file_name(disk, i)), str_of(end)) ? 1 : 0;
    }
    return count;
}

static void test_group_commit(void)
{
    struct run run;
    open_run(&run, disk_new(), &run_small, NULL);
    for (unsigned i = 0; i < 8; i++) {
        run_append(&run, 100, 1, i == 3);
    }
    uint64_t before = disk_operations(run.disk);
    CU_ASSERT(run_step(&run, false));
    CU_ASSERT_EQUAL(disk_operations(run.disk) - before, 2); /* one write, one sync */
    CU_ASSERT_EQUAL(run.book.reported, 8);
    run_close(&run);
}

static void test_lazy_waits_for_company(void)
{
    struct run run;
    open_run(&run, disk_new(), &run_small, NULL);
    run_append(&run, 100, 1, false);
    run_work(&run, false);
    CU_ASSERT_EQUAL(run.book.reported, 0);
    CU_ASSERT(wal_writer_has_idle_work(run.writer));
    run_work(&run, true);
    CU_ASSERT_EQUAL(run.book.reported, 1);
    CU_ASSERT_FALSE(wal_writer_has_idle_work(run.writer));
    /* not for ever: a megabyte of them goes out unasked */
    for (unsigned i = 0; i < 300; i++) {
        run_append(&run, 4000, 1, false);
    }
    run_work(&run, false);
    CU_ASSERT(run.book.reported > 40);
    run_close(&run);
}

static void test_rolls_into_prepared_files(void)
{
    struct run run;
    open_run(&run, disk_new(), &run_small, NULL);
    run_work(&run, true);
    CU_ASSERT_EQUAL(disk_file_count(run.disk), 2); /* the segment and one full spare */
    for (unsigned i = 0; i < 10; i++) {
        run_append(&run, 4000, 1, true);
        run_work(&run, false);
    }
    CU_ASSERT_EQUAL(count_files(run.disk, ".wal"), 4);
    CU_ASSERT_EQUAL(run.book.reported, 10);
    size_t size = 0;
    (void)disk_file_bytes(run.disk, "0000000000000002.wal", &size);
    CU_ASSERT_EQUAL(size, run_small.segment_bytes);
    run_close(&run);
}

static void test_trim_recycles(void)
{
    struct run run;
    open_run(&run, disk_new(), &run_small, NULL);
    for (unsigned i = 0; i < 30; i++) {
        run_append(&run, 4000, 1, true);
        run_work(&run, true);
    }
    uint64_t bytes = run.log_bytes;
    CU_ASSERT_EQUAL(count_files(run.disk, ".wal"), 10);
    wal_writer_trim(run.writer, 30);
    run_work(&run, true);
    CU_ASSERT_EQUAL(count_files(run.disk, ".wal"), 1);
    CU_ASSERT(disk_file_count(run.disk) <= 1 + WAL_SPARES_MAX);
    CU_ASSERT(run.log_bytes < bytes / 5);
    for (unsigned i = 0; i < 30; i++) {
        run_append(&run, 4000, 1, true);
        run_work(&run, true);
    }
    CU_ASSERT_EQUAL(run.book.reported, 60);
    wal_writer_read(run.writer, 60);
    wal_writer_read(run.writer, 31);
    run_work(&run, false);
    CU_ASSERT_EQUAL(run.reads, 2);
    wal_writer_read(run.writer, 3);
    wal_writer_read(run.writer, 61);
    run_work(&run, false);
    CU_ASSERT_EQUAL(run.bad_reads, 2);
    wal_writer_trim(run.writer, 1000); /* beyond the end: the segment being written stays */
    run_work(&run, true);
    CU_ASSERT_EQUAL(count_files(run.disk, ".wal"), 1);
    run_append(&run, 10, 1, true);
    run_work(&run, true);
    CU_ASSERT_EQUAL(run.book.reported, 61);
    run_close(&run);
}

/* Without idle moments: housekeeping still gets its turn between two commits. */
static void test_busy_log_keeps_house(void)
{
    struct run run;
    open_run(&run, disk_new(), &run_small, NULL);
    uint64_t commits_in_a_row = 0;
    run_append(&run, 3000, 1, true);
    for (unsigned i = 0; i < 60; i++) {
        run_append(&run, 3000, 1, true);
        wal_writer_trim(run.writer, run.book.reported);
        wal_writer_read(run.writer, run.book.reported);
        uint64_t before = run.book.reported;
        (void)run_step(&run, false);
        commits_in_a_row = run.book.reported > before ? commits_in_a_row + 1 : 0;
        CU_ASSERT(commits_in_a_row < 2);
    }
    CU_ASSERT(run.reads > 20);
    run_close(&run);
}

static void test_prepare_failure_is_harmless(void)
{
    struct run run;
    open_run(&run, disk_new(), &run_small, NULL);
    run_append(&run, 3000, 1, true);
    (void)run_step(&run, false);
    disk_fail_after(run.disk, 2); /* CREATE goes well, ZERO does not */
    run_work(&run, true);
    CU_ASSERT_FALSE(run.failed);
    CU_ASSERT_EQUAL(count_files(run.disk, ".wal"), disk_file_count(run.disk)); /* no half spare stays */
    for (unsigned i = 0; i < 10; i++) {
        run_append(&run, 3000, 1, true);
        run_work(&run, true);
    }
    CU_ASSERT_EQUAL(run.book.reported, 11);
    CU_ASSERT(disk_file_count(run.disk) > count_files(run.disk, ".wal")); /* tried again after a roll */
    run_close(&run);
}

static void test_refusals(void)
{
    struct run run;
    struct prng dice;
    uint64_t next = 0;
    prng_seed(&dice, 1);
    open_run(&run, disk_new(), &run_small, NULL);
    for (unsigned i = 0; i < 20; i++) {
        run_append(&run, 4000, 1, true);
        run_work(&run, true);
    }
    struct disk *gap = disk_crash(run.disk, CRASH_KEEP_ALL, 0, &dice);
    disk_remove(gap, "0000000000000003.wal");
    const char *wrong = run_judge(gap, &run_small, &run.book, &next);
    CU_ASSERT_PTR_NOT_NULL_FATAL(wrong);
    CU_ASSERT_PTR_NOT_NULL(strstr(wrong, "segment 0000000000000003 is missing"));
    disk_free(gap);
    struct disk *swapped = disk_crash(run.disk, CRASH_KEEP_ALL, 0, &dice);
    size_t size = 0;
    char *two = disk_file_bytes(swapped, "0000000000000002.wal", &size);
    char *three = disk_file_bytes(swapped, "0000000000000003.wal", &size);
    memcpy(two, three, size);
    wrong = run_judge(swapped, &run_small, &run.book, &next);
    CU_ASSERT_PTR_NOT_NULL_FATAL(wrong);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(wrong, "segment 0000000000000002.wal: its header says it is segment 0000000000000003"));
    disk_free(swapped);
    struct disk *emptied = disk_crash(run.disk, CRASH_KEEP_ALL, 0, &dice);
    memset(disk_file_bytes(emptied, "0000000000000004.wal", &size) + 512, 0, run_small.segment_bytes - 512);
    wrong = run_judge(emptied, &run_small, &run.book, &next);
    CU_ASSERT_PTR_NOT_NULL_FATAL(wrong);
    CU_ASSERT_PTR_NOT_NULL(strstr(wrong,
                                  "segment 0000000000000005.wal: begins with record 13, but segment "
                                  "0000000000000004 before it ends"));
    disk_free(emptied);
    run_close(&run);
}

static void test_torn_is_told(void)
{
    struct run run;
    open_run(&run, disk_new(), &run_small, NULL);
    run_append(&run, 900, 1, true);
    run_work(&run, false);
    size_t size = 0;
    char *bytes = disk_file_bytes(run.disk, "0000000000000001.wal", &size);
    bytes[WAL_SECTOR_BYTES + 100] ^= 1;
    struct wal_writer *w = wal_writer_new(&run_small);
    struct wal_source source = disk_source(run.disk);
    struct wal_recovery found = { 0 };
    struct errmsg msg = { 0 };
    CU_ASSERT_EQUAL(wal_writer_recover(w, &source, NULL, NULL, &found, &msg), 0);
    CU_ASSERT(found.torn);
    CU_ASSERT_EQUAL(found.records, 0);
    CU_ASSERT_EQUAL(found.next_lsn, 1);
    CU_ASSERT_EQUAL(found.log_id, run_small.log_id);
    CU_ASSERT_STRING_EQUAL(found.torn_text, "segment 0000000000000001: unfinished record 1 at 512");
    wal_writer_free(w);
    run_close(&run);
}

static void test_names(void)
{
    uint64_t number = 0;
    char name[WAL_NAME_SIZE];
    wal_segment_name(0xAB, name);
    CU_ASSERT_STRING_EQUAL(name, "00000000000000ab.wal");
    CU_ASSERT(wal_segment_name_parse(str_of(name), &number));
    CU_ASSERT_EQUAL(number, 0xAB);
    static const char *const no[] = { "",
                                      "lock",
                                      "0000000000000000.wal",
                                      "00000000000000AB.wal",
                                      "000000000000000.wal",
                                      "00000000000000ab.waX",
                                      "00000000000000ab.wal~" };
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        CU_ASSERT_FALSE(wal_segment_name_parse(str_of(no[i]), &number));
        CU_ASSERT_FALSE(wal_spare_name_parse(str_of(no[i]), &number));
    }
    wal_spare_name(3, name);
    CU_ASSERT(wal_spare_name_parse(str_of(name), &number));
    CU_ASSERT_EQUAL(number, 3);
}

static const struct suite_test tests[] = {
    { "what is queued goes out in one write and one sync", test_group_commit },
    { "a record nobody waits for waits for company, idleness or a megabyte", test_lazy_waits_for_company },
    { "segments roll into files prepared ahead", test_rolls_into_prepared_files },
    { "trimmed segments are recycled, the current one stays", test_trim_recycles },
    { "a busy log still reads, drops and prepares", test_busy_log_keeps_house },
    { "a spare that cannot be prepared costs only the spare", test_prepare_failure_is_harmless },
    { "a missing, exchanged or emptied segment is refused by name", test_refusals },
    { "an unfinished tail is told with its place", test_torn_is_told },
    { "segment and spare names are exact", test_names },
};
TEST_MAIN("wal/writer", tests)
