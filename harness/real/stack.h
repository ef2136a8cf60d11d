/* The live stack: two mocks and a walproxy in front of them, as processes on loopback.  Used by the engine
 * `real` and by `waldrill up`. */
#ifndef WALDRILL_HARNESS_REAL_STACK_H
#define WALDRILL_HARNESS_REAL_STACK_H

#include "harness/engine.h"
#include "harness/real/children.h"

#define STACK_URL 96

struct stack_options {
    const char *bin_dir;  /* where walproxy and mockchroma stand */
    const char *work_dir; /* exists; logs and the balancer's log directory go there */
    uint64_t seed;
    double time_scale;
    unsigned ports[3];         /* by enum engine_target; 0 = any free one */
    unsigned control_ports[2]; /* of the mocks; 0 = any free one */
    bool has_replica;
    const char *latency[2];
    const struct engine_setting *settings;
    size_t setting_count;
    const char *mutant;
    bool without_lb; /* prepared, but not started: stack_start_lb does that */
};

struct stack {
    struct child children[3]; /* by enum engine_target */
    char urls[3][STACK_URL];
    char controls[3][STACK_URL]; /* of the mocks; "" for the balancer */
    char wal_dir[CHILD_PATH];
    size_t count; /* 2 without a replica */
};

/* An empty folder for the balancer's log, below work_dir; out gets its path.  An earlier run's log must not
 * speak in this one. */
int stack_make_wal_dir(const char *work_dir, char *out, size_t capacity, struct errmsg *msg);
/* Settings that the stack itself decides, whatever a scenario says; lower case. */
bool stack_owns(const char *name);
/* All or nothing: on error whatever had been started is ended. */
int stack_start(struct stack *s, const struct stack_options *options, struct errmsg *msg);
/* The balancer again, on its old port, with its old log. */
int stack_start_lb(struct stack *s, struct errmsg *msg);
void stack_stop(struct stack *s); /* in order, politely, then firmly; idempotent */
/* Has one of them ended although nobody asked? */
int stack_check(struct stack *s, struct errmsg *msg);

#endif
