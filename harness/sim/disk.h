/* The balancer's simulated disk: one directory of files in memory, with a cache that a crash treats
 * as a power cut would.
 *
 * Crash.  Each 512-byte sector written since its file's last sync is kept, lost or garbled, each by a
 * draw of its own.  A file that grew has its old or its new length.  Directory operations since the
 * last sync of the directory take effect in order: a random number of the first ones stay.
 * What was synced stays: a disk that lies about fsync is not survivable and never injected. */
#ifndef WALDRILL_HARNESS_SIM_DISK_H
#define WALDRILL_HARNESS_SIM_DISK_H

#include "base/buf.h"
#include "harness/sim/disk_file.h"
#include "harness/sim/world.h"

void disk_open(struct world *w);
void disk_close(struct world *w);

/* All take effect in the cache at once; only sync and sync_dir make it stay.  ERR_NOT_FOUND, ERR_EXISTS,
 * ERR_IO (a read past the end). */
int disk_create(struct world *w, const char *name);
int disk_write(struct world *w, const char *name, uint64_t offset, const struct file_bytes *bytes);
int disk_zero(struct world *w, const char *name, uint64_t offset, uint64_t size);
int disk_read(struct world *w, const char *name, uint64_t offset, char *into, uint64_t size);
int disk_sync(struct world *w, const char *name);
int disk_rename(struct world *w, const char *name, const char *to);
int disk_unlink(struct world *w, const char *name);
void disk_sync_dir(struct world *w);

void disk_list(struct world *w, void (*each)(void *context, const char *name), void *context);
int disk_read_all(struct world *w, const char *name, struct buf *out);

void disk_crash(struct world *w);

/* Begins or ends a fault (harness/engine.h); each kind may be begun several times.  A full disk: a write past
 * a file's end gives ERR_LIMIT and changes nothing.  A failing one: the next disk_sync gives ERR_IO and makes
 * nothing durable.  *hits: what faults of this kind have touched since the run began. */
void disk_break(struct world *w, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits);
/* How much longer a sync takes now; counts as a hit when it does. */
uint64_t disk_sync_extra(struct world *w);

#endif
