/* A directory in memory that can lose power.  It executes the writer's operations, remembers for each
 * file what a sync has made safe and which writes it has not, and on a crash decides the fate of every
 * unsynced 512-byte sector separately: kept (as any unsynced write left it), lost or garbled.
 * Directory operations that no SYNC_DIR covered survive as a prefix of their order. */
#ifndef WALDRILL_TESTS_UNIT_WAL_CRASH_DISK_H
#define WALDRILL_TESTS_UNIT_WAL_CRASH_DISK_H

#include "base/prng.h"
#include "proxy/wal/writer.h"

struct disk;

/* What a crash does to unsynced sectors. */
enum crash_fate {
    CRASH_KEEP_ALL,
    CRASH_LOSE_ALL,
    CRASH_GARBLE_ALL,
    CRASH_TORN, /* sectors up to `position` (counted over all unsynced ones) are kept, the rest lost */
    CRASH_TORN_GARBLED, /* likewise, the one at `position` garbled */
    CRASH_LATE,         /* those before `position` are lost, the rest kept */
    CRASH_RANDOM,       /* each by the dice */
};

struct disk *disk_new(void);
void disk_free(struct disk *d);
/* 0 or an error code; *detail then says why. */
int disk_execute(struct disk *d, const struct wal_op *op, const char **detail);
/* The count-th operation from now fails (1 = the next), after doing half of a WRITE or ZERO. 0 = none. */
void disk_fail_after(struct disk *d, unsigned count);
/* Operations executed since disk_new. */
uint64_t disk_operations(const struct disk *d);
size_t disk_unsynced_sectors(const struct disk *d);
/* What stands on the disk after a crash now; a new disk, everything on it durable. */
struct disk *disk_crash(const struct disk *d, enum crash_fate fate, size_t position, struct prng *dice);
struct wal_source disk_source(struct disk *d);

/* For damage tests. */
size_t disk_file_count(const struct disk *d);
const char *disk_file_name(const struct disk *d, size_t index);
/* NULL when there is no such file. */
char *disk_file_bytes(struct disk *d, const char *name, size_t *size);
void disk_remove(struct disk *d, const char *name);

#endif
