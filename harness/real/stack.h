/* The live stack: two mocks and a walproxy in front of them, as processes on loopback.  Used by the engine
 * `real` and by `waldrill up`. */
#ifndef WALDRILL_HARNESS_REAL_STACK_H
#define WALDRILL_HARNESS_REAL_STACK_H

#include "harness/engine.h"
#include "harness/real/children.h"

#define STACK_URL   96
#define STACK_READY 512

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
    bool without_lb;      /* prepared, but not started: stack_start_lb does that */
    bool real_chroma[2];  /* primary, replica: a real Chroma behind the mock as its gateway */
    enum lb_kind lb_kind; /* see struct engine_setup */
    const char *lb_command, *lb_ready, *lb_url;
    const struct engine_setting *lb_env;
    size_t lb_env_count;
};

struct stack {
    struct child children[3]; /* by enum engine_target */
    char urls[3][STACK_URL];
    char controls[3][STACK_URL]; /* of the mocks; "" for the balancer */
    char wal_dir[CHILD_PATH];
    size_t count;            /* 2 without a replica */
    struct child chromas[2]; /* real ones, behind primary and replica; argv NULL = none */
    char chroma_urls[2][STACK_URL];
    enum lb_kind lb_kind;
    char lb_ready[STACK_READY]; /* of a foreign balancer: host and path that answer 2xx once it is up */
    char lb_ready_host[STACK_READY];
    int lb_port_fd; /* keeps its port while it is away; 0 = none was chosen for it */
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
/* One of ours: starts it, and reads from its line where it listens. */
int stack_start_child(struct stack *s, enum engine_target target, struct errmsg *msg);
/* SIGKILL, and the return of a real Chroma; empty: with nothing left of what it stored. */
int stack_kill_chroma(struct stack *s, enum engine_target target, struct errmsg *msg);
int stack_revive_chroma(struct stack *s, enum engine_target target, bool empty, const char *work_dir,
                        struct errmsg *msg);
/* Started again: is it there? */
bool stack_chroma_answers(const struct stack *s, unsigned instance);
void stack_stop(struct stack *s); /* in order, politely, then firmly; idempotent */
/* Has one of them ended although nobody asked? */
int stack_check(struct stack *s, struct errmsg *msg);

#endif
