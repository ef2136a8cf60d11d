/* One rehearsal at a time for each target and machine, and what it has left stopped. */
#ifndef WALDRILL_HARNESS_TARGET_LOCK_H
#define WALDRILL_HARNESS_TARGET_LOCK_H

#include "harness/target/file.h"

struct target_lock {
    int fd; /* -1 = not taken */
    char path[256];
    char stop_path[264];
};

/* Takes the lock, waiting at most bound_ms.  ERR_BUSY: a rehearsal is under way.  ERR_STATE: an earlier one
 * ended without mending everything (only when the lock is taken for a rehearsal, not for healing). */
int lock_take(struct target_lock *lock, const struct target_file *file, bool healing, uint64_t bound_ms,
              struct errmsg *msg);
/* A line of what was done; read again by whoever heals after a sudden end. */
void lock_note(const struct target_lock *lock, const char *what, enum engine_target place);
/* Which places the notes say are stopped. */
void lock_stopped(const struct target_lock *lock, bool stopped[TARGET_PLACES]);
/* Everything is mended: the notes are forgotten. */
void lock_clear(const struct target_lock *lock);
void lock_release(struct target_lock *lock);
/* From another terminal: asks the rehearsal that holds the lock to stop; has somebody asked? */
int lock_ask_stop(const struct target_file *file, struct errmsg *msg);
bool lock_stop_asked(const struct target_lock *lock);

#endif
