/* Proof by enumeration: a log is written on a disk that remembers what no sync has covered; after every
 * single operation the power fails in many ways, and the log is opened again.
 *
 * For each state: nothing that was reported durable is missing, every record found is one that was
 * appended in this place, none is missing in the middle, a crash alone never makes the log refuse to
 * open.  Some states are then written to and crash a second time, because what a first crash left
 * behind must not come alive behind new records. */
#include "tests/lib/suite.h"
#include "tests/unit/wal/crash_run.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#define STATES_WANTED   100000u
#define RANDOM_PER_STEP 14u

struct campaign {
    struct prng dice;
    uint64_t states;
    uint64_t wrong;
    bool second_life; /* crash states are reopened, written to and crash again */
    uint32_t generation;
};

static void judge_state(struct campaign *c, const struct run *run, enum crash_fate fate, size_t position)
{
    struct disk *after = disk_crash(run->disk, fate, position, &c->dice);
    uint64_t next_lsn = 0;
    c->states++;
    const char *wrong = run_judge(after, &run_small, &run->book, &next_lsn);
    if (wrong == NULL) { /* opening made it sound: a second opening finds the same */
        uint64_t again = 0;
        struct disk *once_more = disk_crash(after, CRASH_RANDOM, 0, &c->dice);
        wrong = run_judge(once_more, &run_small, &run->book, &again);
        wrong = wrong == NULL && again != next_lsn ? "a second opening finds something else" : wrong;
        disk_free(once_more);
    }
    if (wrong != NULL && c->wrong++ < 5) {
        (void)fprintf(stderr, "after operation %llu, fate %d at %zu: %s\n",
                      (unsigned long long)disk_operations(run->disk), (int)fate, position, wrong);
    }
    disk_free(after);
}

static void second_life(struct campaign *c, const struct run *run);

static void after_operation(struct run *run, void *context)
{
    struct campaign *c = context;
    size_t sectors = disk_unsynced_sectors(run->disk);
    judge_state(c, run, CRASH_KEEP_ALL, 0);
    judge_state(c, run, CRASH_LOSE_ALL, 0);
    judge_state(c, run, CRASH_GARBLE_ALL, 0);
    for (size_t i = 0; i < sectors; i++) {
        judge_state(c, run, CRASH_TORN, i);
        judge_state(c, run, CRASH_TORN_GARBLED, i);
        judge_state(c, run, CRASH_LATE, i);
    }
    for (unsigned i = 0; i < RANDOM_PER_STEP; i++) {
        judge_state(c, run, CRASH_RANDOM, 0);
    }
    if (c->second_life) {
        second_life(c, run);
    }
}

static uint32_t draw_size(struct prng *dice)
{
    static const uint32_t sizes[] = { 0, 1, 40, 416, 424, 464, 900, 1500, 3000, 4096 };
    return sizes[prng_below(dice, sizeof(sizes) / sizeof(sizes[0]))];
}

static void load(struct run *run, struct campaign *c, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t burst = prng_between(&c->dice, 1, 5);
        for (uint64_t k = 0; k < burst; k++) {
            run_append(run, draw_size(&c->dice), c->generation, prng_chance(&c->dice, 3, 4));
        }
        bool idle = prng_chance(&c->dice, 1, 3);
        if (prng_chance(&c->dice, 1, 4) && run->book.reported > 20) {
            run->book.trimmed = run->book.reported - 10;
            wal_writer_trim(run->writer, run->book.trimmed);
        }
        for (uint64_t steps = prng_between(&c->dice, 1, 6); steps > 0 && run_step(run, idle); steps--) {
        }
    }
    run_work(run, false);
}

/* One crash state of a first life goes on living, with other contents under the same LSNs. */
static void second_life(struct campaign *c, const struct run *run)
{
    struct campaign inner = { .dice = c->dice, .generation = c->generation + 1 };
    (void)prng_next(&c->dice);
    struct disk *disk = disk_crash(run->disk, CRASH_RANDOM, 0, &inner.dice);
    struct run next;
    struct errmsg msg = { 0 };
    if (run_open(&next, disk, &run_small, &run->book, &msg) != 0) {
        if (c->wrong++ < 5) {
            (void)fprintf(stderr, "second life: %s\n", msg.text);
        }
        run_close(&next);
        return;
    }
    next.book.reported = next.book.appended;
    run_work(&next, false); /* the open job: what was found is durable from here on */
    next.after_op = NULL;
    for (unsigned i = 0; i < 4; i++) {
        run_append(&next, draw_size(&inner.dice), inner.generation, true);
        (void)run_step(&next, false);
        judge_state(&inner, &next, CRASH_RANDOM, 0);
        run_append(&next, draw_size(&inner.dice), inner.generation, true);
        const struct wal_job *job = wal_writer_next(next.writer, false);
        const char *detail = "";
        for (size_t k = 0; job != NULL && k + 1 < job->op_count; k++) { /* all but the last operation */
            (void)disk_execute(next.disk, &job->ops[k], &detail);
        }
        judge_state(&inner, &next, CRASH_RANDOM, 0);
        judge_state(&inner, &next, CRASH_KEEP_ALL, 0);
        if (job != NULL) {
            struct wal_result result = { 0, "" };
            (void)disk_execute(next.disk, &job->ops[job->op_count - 1], &result.detail);
            wal_writer_done(next.writer, &result);
            struct wal_notice n;
            while (wal_writer_poll(next.writer, &n)) {
                next.book.reported = n.kind == WAL_NOTICE_DURABLE ? n.lsn : next.book.reported;
            }
        }
    }
    c->states += inner.states;
    c->wrong += inner.wrong;
    run_close(&next);
}

static uint64_t campaign_run(uint64_t seed, unsigned rounds, bool with_second_life, uint64_t *wrong)
{
    struct campaign c = { .second_life = with_second_life, .generation = 1 };
    prng_seed(&c.dice, seed);
    struct run run;
    struct errmsg msg = { 0 };
    CU_ASSERT_EQUAL_FATAL(run_open(&run, disk_new(), &run_small, NULL, &msg), 0);
    run.after_op = after_operation;
    run.context = &c;
    load(&run, &c, rounds);
    wal_writer_finish(run.writer);
    run_work(&run, true);
    run_close(&run);
    *wrong += c.wrong;
    return c.states;
}

static void test_every_crash(void)
{
    uint64_t wrong = 0;
    uint64_t states = 0;
    /* Every state allocates and frees a small disk: without this, two thirds of the time goes into giving
     * memory back to the system and asking for it again. */
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
    (void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
    for (uint64_t seed = 1; states < STATES_WANTED; seed++) {
        states += campaign_run(seed, 24, seed % 2 == 0, &wrong);
    }
    (void)printf("%llu crash states judged\n", (unsigned long long)states);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(states >= STATES_WANTED);
}

/* The judge must be able to say no: a disk that forgets a sync it confirmed is caught. */
static void test_judge_catches_loss(void)
{
    struct run run;
    struct errmsg msg = { 0 };
    CU_ASSERT_EQUAL_FATAL(run_open(&run, disk_new(), &run_small, NULL, &msg), 0);
    for (unsigned i = 0; i < 5; i++) {
        run_append(&run, 900, 1, true);
        run_work(&run, false);
    }
    size_t size = 0;
    char *bytes = disk_file_bytes(run.disk, "0000000000000001.wal", &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    memset(bytes + WAL_SECTOR_BYTES + 3 * 1024, 0, size - WAL_SECTOR_BYTES - 3 * 1024);
    uint64_t next = 0;
    const char *wrong = run_judge(run.disk, &run_small, &run.book, &next);
    CU_ASSERT_PTR_NOT_NULL_FATAL(wrong);
    CU_ASSERT_STRING_EQUAL(wrong, "a record that was reported durable is lost");
    run.book.generation[2] = 99;
    wrong = run_judge(run.disk, &run_small, &run.book, &next);
    CU_ASSERT_PTR_NOT_NULL_FATAL(wrong);
    CU_ASSERT_STRING_EQUAL(wrong, "a record that was never appended");
    run_close(&run);
}

/* A log that was closed: each sector of each segment in turn is garbled or zeroed.  Either nothing is
 * lost by it, or opening refuses and names the segment. */
static void test_every_damage(void)
{
    struct run run;
    struct errmsg msg = { 0 };
    struct prng dice;
    prng_seed(&dice, 7);
    CU_ASSERT_EQUAL_FATAL(run_open(&run, disk_new(), &run_small, NULL, &msg), 0);
    for (unsigned i = 0; i < 40; i++) {
        run_append(&run, draw_size(&dice), 1, true);
        run_work(&run, false);
    }
    wal_writer_finish(run.writer);
    run_work(&run, true);
    uint64_t refused = 0;
    uint64_t harmless = 0;
    for (unsigned zeroed = 0; zeroed < 2; zeroed++) {
        for (size_t f = 0; f < disk_file_count(run.disk); f++) {
            const char *name = disk_file_name(run.disk, f);
            size_t size = 0;
            (void)disk_file_bytes(run.disk, name, &size);
            for (size_t at = 0; at + WAL_SECTOR_BYTES <= size; at += WAL_SECTOR_BYTES) {
                struct disk *copy = disk_crash(run.disk, CRASH_KEEP_ALL, 0, &dice);
                char *bytes = disk_file_bytes(copy, name, &size);
                memset(bytes + at, zeroed ? 0 : 0xA5, WAL_SECTOR_BYTES);
                uint64_t next = 0;
                const char *wrong = run_judge(copy, &run_small, &run.book, &next);
                if (wrong == NULL) {
                    harmless++;
                } else {
                    CU_ASSERT_PTR_NOT_NULL(strstr(wrong, "refused: segment "));
                    CU_ASSERT_PTR_NOT_NULL(strstr(wrong, ".wal"));
                    refused++;
                }
                disk_free(copy);
            }
        }
    }
    (void)printf("damaged sectors: %llu refused, %llu harmless (padding, spares, unused)\n",
                 (unsigned long long)refused, (unsigned long long)harmless);
    CU_ASSERT(refused > 100);
    CU_ASSERT(harmless > 10);
    run_close(&run);
}

/* Every operation fails once: one FAILED, nothing durable after it, and the disk holds what was told. */
static void test_every_failure(void)
{
    unsigned failures = 0;
    for (unsigned at = 1;; at++) {
        struct campaign c = { .generation = 1 };
        struct run run;
        struct errmsg msg = { 0 };
        prng_seed(&c.dice, 3);
        CU_ASSERT_EQUAL_FATAL(run_open(&run, disk_new(), &run_small, NULL, &msg), 0);
        disk_fail_after(run.disk, at);
        load(&run, &c, 12);
        uint64_t reported = run.book.reported;
        bool done = disk_operations(run.disk) < at;
        if (run.failed) {
            run_append(&run, 100, 1, true);
            run.book.appended--; /* refused: it is no record */
            run_work(&run, true);
            CU_ASSERT_EQUAL(run.book.reported, reported);
            failures++;
        } else {
            CU_ASSERT_EQUAL(run.book.reported, run.book.appended);
        }
        for (unsigned i = 0; i < 8; i++) {
            struct disk *after = disk_crash(run.disk, i == 0 ? CRASH_KEEP_ALL : CRASH_RANDOM, 0, &c.dice);
            uint64_t next = 0;
            const char *wrong = run_judge(after, &run_small, &run.book, &next);
            CU_ASSERT_PTR_NULL(wrong);
            disk_free(after);
        }
        run_close(&run);
        if (done) {
            break;
        }
    }
    CU_ASSERT(failures > 20);
}

static const struct suite_test tests[] = {
    { "a crash at any point loses nothing durable and invents nothing", test_every_crash },
    { "the judge sees a lost and an invented record", test_judge_catches_loss },
    { "damage to a closed log is refused or harmless, never silent", test_every_damage },
    { "after any failed operation nothing more becomes durable", test_every_failure },
};
TEST_MAIN("wal/crash", tests)
