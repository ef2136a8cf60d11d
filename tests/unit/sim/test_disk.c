/* The simulated disk: what a crash may take and what it must leave. */
#include "harness/sim/disk.h"

#include "tests/lib/suite.h"

#define RUNS 200u

static struct world world;

static void begin(uint64_t seed)
{
    world_init(&world, seed);
    disk_open(&world);
}

static void end(void)
{
    disk_close(&world);
    world_deinit(&world);
}

static int put(uint64_t offset, const char *bytes, uint64_t size)
{
    return disk_write(&world, "f", offset, &(struct file_bytes){ .data = bytes, .size = size });
}

static void fill(char *out, size_t size, char value)
{
    memset(out, value, size);
}

static void synced_bytes_survive_every_crash(void)
{
    char written[3000];
    char read[3000];
    fill(written, sizeof(written), 'a');
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        begin(seed);
        CU_ASSERT_EQUAL(disk_create(&world, "f"), 0);
        disk_sync_dir(&world);
        CU_ASSERT_EQUAL(put(0, written, sizeof(written)), 0);
        CU_ASSERT_EQUAL(disk_sync(&world, "f"), 0);
        /* Later bytes of the same page, and of the next, are not synced. */
        CU_ASSERT_EQUAL(put(3072, written, sizeof(written)), 0);
        disk_crash(&world);
        CU_ASSERT_EQUAL(disk_read(&world, "f", 0, read, sizeof(read)), 0);
        CU_ASSERT_EQUAL(memcmp(read, written, sizeof(read)), 0);
        end();
    }
}

static void each_unsynced_sector_has_its_own_fate(void)
{
    unsigned kept = 0;
    unsigned lost = 0;
    unsigned garbled = 0;
    unsigned mixed = 0;
    char old[2048];
    char new[2048];
    char read[2048];
    fill(old, sizeof(old), 'o');
    fill(new, sizeof(new), 'n');
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        begin(seed);
        (void)disk_create(&world, "f");
        (void)put(0, old, sizeof(old));
        (void)disk_sync(&world, "f");
        disk_sync_dir(&world);
        (void)put(0, new, sizeof(new));
        disk_crash(&world);
        (void)disk_read(&world, "f", 0, read, sizeof(read));
        unsigned here = 0;
        for (size_t s = 0; s < 4; s++) {
            if (memcmp(read + 512 * s, new, 512) == 0) {
                kept++;
                here |= 1;
            } else if (memcmp(read + 512 * s, old, 512) == 0) {
                lost++;
                here |= 2;
            } else {
                garbled++;
                here |= 4;
            }
        }
        mixed += (here & (here - 1)) != 0 ? 1 : 0;
        end();
    }
    CU_ASSERT(kept > RUNS / 2);
    CU_ASSERT(lost > RUNS / 2);
    CU_ASSERT(garbled > RUNS / 8);
    CU_ASSERT(mixed > RUNS / 2);
}

static void count_name(void *context, const char *name)
{
    (void)name;
    ++*(unsigned *)context;
}

static unsigned names(void)
{
    unsigned count = 0;
    disk_list(&world, count_name, &count);
    return count;
}

/* create a, create b, rename a to c: any prefix may stay, nothing else. */
static void directory_changes_stay_in_order(void)
{
    unsigned seen[4] = { 0 };
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        begin(seed);
        (void)disk_create(&world, "a");
        (void)disk_create(&world, "b");
        (void)disk_rename(&world, "a", "c");
        disk_crash(&world);
        char byte;
        bool a = disk_read(&world, "a", 0, &byte, 0) == 0;
        bool b = disk_read(&world, "b", 0, &byte, 0) == 0;
        bool c = disk_read(&world, "c", 0, &byte, 0) == 0;
        unsigned prefix = names() == 0 ? 0 : a && !b ? 1 : a && b ? 2 : 3;
        CU_ASSERT(prefix != 3 || (!a && b && c));
        seen[prefix]++;
        end();
    }
    CU_ASSERT(seen[0] > 0 && seen[1] > 0 && seen[2] > 0 && seen[3] > 0);
}

static void a_synced_directory_stays(void)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        begin(seed);
        (void)disk_create(&world, "a");
        disk_sync_dir(&world);
        (void)disk_unlink(&world, "a");
        disk_sync_dir(&world);
        (void)disk_create(&world, "b");
        disk_sync_dir(&world);
        disk_crash(&world);
        char byte;
        CU_ASSERT_EQUAL(disk_read(&world, "a", 0, &byte, 0), ERR_NOT_FOUND);
        CU_ASSERT_EQUAL(disk_read(&world, "b", 0, &byte, 0), 0);
        end();
    }
}

static void wrong_operations_are_refused(void)
{
    begin(1);
    char bytes[8] = { 0 };
    CU_ASSERT_EQUAL(put(0, bytes, sizeof(bytes)), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(disk_sync(&world, "f"), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(disk_create(&world, "f"), 0);
    CU_ASSERT_EQUAL(disk_create(&world, "f"), ERR_EXISTS);
    CU_ASSERT_EQUAL(disk_read(&world, "f", 0, bytes, 1), ERR_IO);
    CU_ASSERT_EQUAL(disk_create(&world, "g"), 0);
    CU_ASSERT_EQUAL(disk_rename(&world, "f", "g"), ERR_EXISTS);
    CU_ASSERT_EQUAL(disk_rename(&world, "x", "y"), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(disk_unlink(&world, "x"), ERR_NOT_FOUND);
    end();
}

static void full_disk_takes_no_new_space(void)
{
    uint64_t hits = 0;
    char bytes[600];
    fill(bytes, sizeof(bytes), 'x');
    begin(1);
    (void)disk_create(&world, "f");
    CU_ASSERT_EQUAL(put(0, bytes, sizeof(bytes)), 0);
    disk_break(&world, LB_DISK_FULL, 0, true, &hits);
    CU_ASSERT_EQUAL(hits, 0);
    CU_ASSERT_EQUAL(put(100, bytes, 500), 0); /* space that it has */
    CU_ASSERT_EQUAL(put(100, bytes, 501), ERR_LIMIT);
    CU_ASSERT_EQUAL(disk_zero(&world, "f", 600, 1), ERR_LIMIT);
    disk_break(&world, LB_DISK_FULL, 0, false, &hits);
    CU_ASSERT_EQUAL(hits, 2);
    CU_ASSERT_EQUAL(put(100, bytes, 501), 0);
    end();
}

static void failed_sync_promises_nothing(void)
{
    uint64_t hits = 0;
    unsigned lost = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        char byte = 'x';
        begin(seed);
        (void)disk_create(&world, "f");
        disk_sync_dir(&world);
        (void)put(0, &byte, 1);
        disk_break(&world, LB_DISK_FAIL, 0, true, &hits);
        CU_ASSERT_EQUAL(disk_sync(&world, "f"), ERR_IO);
        disk_crash(&world);
        lost += disk_read(&world, "f", 0, &byte, 1) != 0 || byte != 'x' ? 1 : 0;
        CU_ASSERT_EQUAL(disk_sync(&world, "f"), 0); /* once */
        disk_break(&world, LB_DISK_FAIL, 0, false, &hits);
        CU_ASSERT_EQUAL(hits, 1);
        end();
    }
    CU_ASSERT_TRUE(lost > 0);
}

static void slow_disk_counts_its_syncs(void)
{
    uint64_t hits = 0;
    begin(1);
    CU_ASSERT_EQUAL(disk_sync_extra(&world), 0);
    disk_break(&world, LB_DISK_SLOW, 70, true, &hits);
    disk_break(&world, LB_DISK_SLOW, 30, true, &hits);
    CU_ASSERT_EQUAL(disk_sync_extra(&world), 100);
    disk_break(&world, LB_DISK_SLOW, 70, false, &hits);
    CU_ASSERT_EQUAL(disk_sync_extra(&world), 30);
    disk_break(&world, LB_DISK_SLOW, 30, false, &hits);
    CU_ASSERT_EQUAL(disk_sync_extra(&world), 0);
    CU_ASSERT_EQUAL(hits, 2);
    end();
}

/* Wherever a body stands in a write: what is read back, and what a crash leaves, is what was written. */
static void a_shared_block_is_as_good_as_a_copy(void)
{
    enum { SIZE = 40000 };
    static char bytes[SIZE];
    static char read[SIZE];
    size_t before = block_bytes_live();
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        struct block *body = block_new(20000);
        for (size_t i = 0; i < body->size; i++) {
            body->data[i] = (char)prng_below(&prng, 256);
        }
        uint64_t at = prng_below(&prng, SIZE - body->size);
        fill(bytes, SIZE, 'f');
        memcpy(bytes + at, body->data, body->size);
        bytes[at + 10000] ^= (char)prng_below(&prng, 2); /* not the block after all, here and there */
        struct file_part part = { .at = at, .block = body };
        struct file_bytes what = { .data = bytes, .size = SIZE, .parts = &part, .part_count = 1 };
        begin(seed);
        (void)disk_create(&world, "f");
        disk_sync_dir(&world);
        CU_ASSERT_EQUAL(disk_write(&world, "f", seed, &what), 0);
        block_unref(body);
        CU_ASSERT_EQUAL(disk_sync(&world, "f"), 0);
        CU_ASSERT_EQUAL(put(seed + at + 5000, "later", 5), 0);
        memcpy(bytes + at + 5000, "later", 5);
        CU_ASSERT_EQUAL(disk_read(&world, "f", seed, read, SIZE), 0);
        CU_ASSERT_EQUAL(memcmp(read, bytes, SIZE), 0);
        CU_ASSERT_EQUAL(disk_sync(&world, "f"), 0);
        disk_crash(&world);
        CU_ASSERT_EQUAL(disk_read(&world, "f", seed, read, SIZE), 0);
        CU_ASSERT_EQUAL(memcmp(read, bytes, SIZE), 0);
        end();
    }
    CU_ASSERT_EQUAL(block_bytes_live(), before);
}

static const struct suite_test tests[] = {
    { "a full disk takes no new space and keeps what it has", full_disk_takes_no_new_space },
    { "a sync that failed makes nothing durable, once", failed_sync_promises_nothing },
    { "a slow disk slows and counts syncs", slow_disk_counts_its_syncs },
    { "what was synced survives every crash", synced_bytes_survive_every_crash },
    { "each unsynced sector is kept, lost or garbled on its own", each_unsynced_sector_has_its_own_fate },
    { "changes of the directory stay in order", directory_changes_stay_in_order },
    { "a synced directory stays as it was", a_synced_directory_stays },
    { "a shared block is as good as a copy", a_shared_block_is_as_good_as_a_copy },
    { "operations on what is not there are refused", wrong_operations_are_refused },
};
TEST_MAIN("sim disk", tests)
