/* Stopping and starting a place by its operators' own commands. */
#ifndef WALDRILL_HARNESS_TARGET_HURT_H
#define WALDRILL_HARNESS_TARGET_HURT_H

#include "harness/real/children.h"
#include "harness/target/file.h"

enum hurt_state { HURT_RUNS, HURT_STOPPING, HURT_STOPPED, HURT_STARTING };

struct hurt {
    const struct target_file *file;
    enum engine_target place;
    const char *work_dir; /* the commands' output goes there; borrowed */
    enum hurt_state state;
    bool start_wanted; /* as soon as stop has ended */
    struct child child;
    uint64_t deadline_ns; /* real time */
};

uint64_t target_clock_ns(void); /* the machine's monotonic clock */
/* One for each place; freed with mem_free. */
struct hurt *hurts_new(const struct target_file *file, const char *work_dir);
/* Begin a command and do not wait for it. */
int hurt_stop(struct hurt *h, struct errmsg *msg);
int hurt_start(struct hurt *h, struct errmsg *msg);
/* Has the command ended?  An error when it failed or took too long. */
int hurt_poll(struct hurt *h, struct errmsg *msg);
/* Begins a start if there is none, whatever the state is, and waits for its end. */
int hurt_mend(struct hurt *h, struct errmsg *msg);

#endif
