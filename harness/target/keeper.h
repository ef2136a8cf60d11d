/* The watchdog: a process of its own that mends everything when waldrill is gone. */
#ifndef WALDRILL_HARNESS_TARGET_KEEPER_H
#define WALDRILL_HARNESS_TARGET_KEEPER_H

#include "harness/target/heal.h"
#include "harness/target/lock.h"

struct keeper {
    pid_t pid; /* 0 = none */
    int fd;    /* whose end tells it that waldrill is gone */
};

/* Its words go to <work_dir>/watchdog.log.  It shares the lock. */
int keeper_start(struct keeper *k, const struct target_file *file, const char *mark, const char *work_dir,
                 const struct target_lock *lock, struct errmsg *msg);
/* Everything has been looked after (well): it goes without doing anything. */
void keeper_dismiss(struct keeper *k);

#endif
