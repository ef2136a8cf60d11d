/* An engine brings a stack to life - clients, balancer, instances - and moves its time.  The runner
 * plays a scenario on whichever engine it is given; verdicts must not depend on which.
 *
 *   sim   harness/sim/    no sockets, virtual clock, simulated network and disk, one seed
 *   leap  harness/leap/   real libraries and sockets in one thread, a clock that leaps whenever all is idle
 *   real  harness/real/   child processes on loopback, wall clock scaled by TIME_SCALE
 *   target  harness/target/  a deployment that runs already and is not ours; made by target_engine_new
 *
 * Times are scenario time in nanoseconds since open.  All calls come from one thread. */
#ifndef WALDRILL_HARNESS_ENGINE_H
#define WALDRILL_HARNESS_ENGINE_H

#include "base/error.h"
#include "base/str.h"
#include "harness/history.h"
#include "mockchroma/core/mock.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum engine_target { TARGET_LB, TARGET_PRIMARY, TARGET_REPLICA };

struct engine;

struct engine_setting {
    const char *name; /* walproxy's, lower case: "check_interval" */
    const char *value;
};

/* What stands on trial. */
enum lb_kind {
    LB_KIND_WALPROXY, /* ours, started by the engine with lb_settings */
    LB_KIND_COMMAND,  /* any other one, started by a shell command */
    LB_KIND_URL,      /* one that runs already and is not ours to start or stop */
};

/* How the disk below the balancer's log misbehaves. */
enum lb_disk {
    LB_DISK_SOUND,
    LB_DISK_FULL, /* what needs new space fails */
    LB_DISK_SLOW, /* every sync takes so much longer */
    LB_DISK_FAIL, /* the next sync of a file fails, once */
};

struct engine_setup {
    uint64_t seed;
    const struct engine_setting *lb_settings;
    size_t lb_setting_count;
    const char *latency[2]; /* mock latency profiles; NULL = none */
    bool has_replica;
    double time_scale;      /* real only */
    const char *work_dir;   /* real, leap: logs, WAL, output of the children, sockets */
    const char *mutant;     /* NULL = the healthy core; else a known-bad one by name (test builds) */
    const char *trace_path; /* sim: every event as a JSON line into this file; NULL = no trace */
    size_t core_room;       /* sim: actions taken per core_step; 0 = the default (a test sets 1) */
    /* Called when the instances answer and the balancer has not been started; may request and advance. NULL =
     * none */
    int (*before_lb)(const void *context, struct engine *e, struct errmsg *msg);
    const void *before_lb_context;
    uint64_t disk_sync_ns; /* sim: mean time of a sync of the balancer's disk; 0 = a good SSD's */
    bool real_chroma[2];   /* primary, replica: a real Chroma behind the fault gateway instead of a mock */
    bool lb_disk_faults;   /* the scenario will call lb_disk */
    enum lb_kind lb_kind;
    const char *lb_command; /* LB_KIND_COMMAND: for /bin/sh -c */
    const struct engine_setting
        *lb_env; /* LB_KIND_COMMAND: added to its environment, as written in the file */
    size_t lb_env_count;
    const char *lb_ready; /* "/path" of the balancer or a whole URL that answers 2xx once it is up; NULL =
                             none given */
    const char *armed;    /* LB_KIND_URL: the host that may be written to although it is not this machine */
    const char *lb_url;   /* LB_KIND_URL, and where a command listens if it was said; NULL = not given */
};

struct engine_request {
    enum engine_target target; /* clients talk to the balancer; steps also to an instance */
    const char *method;
    const char *path;    /* as typed, with query */
    const char *headers; /* "Name: value\r\n" lines; NULL = none */
    struct str body;     /* copied */
    uint64_t timeout_ns;
};

struct engine_answer {
    enum op_outcome outcome;
    int status;
    struct str headers; /* lines; borrowed for the callback */
    struct str body;
    int64_t sent_ns;
    int64_t done_ns;
    uint64_t
        took_ns; /* where time is scaled: what the exchange took on the machine's clock; 0 = done - sent */
};
typedef void engine_answer_cb(void *context, uint64_t tag, const struct engine_answer *answer);

struct results;

enum lb_stop { LB_STOP_KILL, LB_STOP_TERM, LB_STOP_PAUSE, LB_STOP_CONTINUE };

struct engine_ops {
    const char *name;
    /* Can it do what the setup asks for?  Asked before open, of an engine that has not been opened.  Anything
     * but 0 (ERR_UNSUPPORTED, with words that name what it cannot do) makes the run INVALID.  NULL = it can
     * do everything that this struct has functions for. */
    int (*supports)(struct engine *e, const struct engine_setup *setup, struct errmsg *msg);
    /* Starts everything and waits until the balancer answers /status.  Journal entries of the mocks are
     * added to history->effects as they become known (at the latest in finish). */
    int (*open)(struct engine *e, const struct engine_setup *setup, struct history *history,
                struct errmsg *msg);
    uint64_t (*now)(struct engine *e);
    /* Lets the world run until scenario time until_ns.  Answers are delivered by callbacks from inside; a
     * callback may call request, nothing else. */
    int (*advance)(struct engine *e, uint64_t until_ns, struct errmsg *msg);
    /* Sends now; cb is called exactly once. */
    int (*request)(struct engine *e, const struct engine_request *request, uint64_t tag, engine_answer_cb *cb,
                   void *context, struct errmsg *msg);
    /* A fault document (see mock_fault_add) on an instance. */
    int (*fault_add)(struct engine *e, enum engine_target instance, struct str json, uint64_t *id,
                     uint64_t *touches, struct errmsg *msg);
    int (*fault_remove)(struct engine *e, enum engine_target instance, uint64_t id, uint64_t *hits,
                        struct errmsg *msg);
    int (*fault_clear)(struct engine *e, struct errmsg *msg); /* all faults on all instances */
    int (*instance_kill)(struct engine *e, enum engine_target instance, struct errmsg *msg);
    int (*instance_start)(struct engine *e, enum engine_target instance, enum mock_restart what,
                          uint64_t lost_ns, struct errmsg *msg);
    int (*lb_stop)(struct engine *e, enum lb_stop how, struct errmsg *msg);
    int (*lb_start)(struct engine *e, struct errmsg *msg); /* same log directory */
    /* Begins (on) or ends a fault of the disk below the balancer's log; by_ns belongs to LB_DISK_SLOW. *hits:
     * operations that faults of this kind have touched since open.  NULL function = this engine cannot. */
    int (*lb_disk)(struct engine *e, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits,
                   struct errmsg *msg);
    const char *(*base_url)(struct engine *e, enum engine_target target); /* "http://127.0.0.1:4711" */
    /* Directory where the balancer's log stands, for steps that run commands; NULL on sim and leap. */
    const char *(*environment)(
        struct engine *e); /* "LB=... PRIMARY=..." lines for child commands; NULL = cannot run commands */
    /* Ends clients and journals; fills history->content. */
    int (*finish)(struct engine *e, struct errmsg *msg);
    /* After finish: a digest of everything that happened, the same for the same scenario, seed and build.
     * NULL function or "" = this engine's runs do not repeat exactly. */
    const char *(*journal_hash)(struct engine *e);
    /* After the run was judged, however it ended: adds what only the engine can say of it (target: nothing
     * left behind, nobody's data touched).  NULL = nothing. */
    void (*judge)(struct engine *e, struct results *results);
    /* Is there a journal of what the instances did?  Without one most promises cannot be judged.  NULL = yes.
     */
    bool (*has_journals)(struct engine *e);
    /* Stops what still runs and frees e.  The caller of engine_*_new calls it, not the runner. */
    void (*close)(struct engine *e);
};

struct engine {
    const struct engine_ops *ops;
};

struct engine *engine_sim_new(void);
struct engine *engine_leap_new(void);
/* bin_dir: where walproxy and mockchroma stand. */
struct engine *engine_real_new(const char *bin_dir);

#endif
