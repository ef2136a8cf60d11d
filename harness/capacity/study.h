/* A whole answer of capacity planning: the question, its forecast, and the tables beside it.  Pure; what is
 * measured comes in from outside (harness/cli/capacity_play.c plays, harness/cli/capacity_cpu.c times). */
#ifndef WALDRILL_HARNESS_CAPACITY_STUDY_H
#define WALDRILL_HARNESS_CAPACITY_STUDY_H

#include "harness/capacity/bodies.h"
#include "harness/capacity/model.h"
#include <stddef.h>

/* One load beside what the model says of it, and what a run showed. */
struct capacity_point {
    const char *name; /* NULL = none */
    double write_kb, per_minute, minutes;
    struct capacity_forecast forecast;
    bool measured; /* the figures below are there */
    double measured_memory_bytes, measured_log_bytes, measured_drain_s, measured_accepted;
    unsigned runs; /* that they are the means of */
};

enum {
    CAPACITY_BUDGETS = 3,
    CAPACITY_COLUMNS = 3,
    CAPACITY_SWEEP = 3,
    CAPACITY_BODIES = 8,
    CAPACITY_CURVE = 49
};

struct capacity_body_row {
    struct body_shape shape;
    double bytes;          /* of the body */
    double memory_bytes;   /* pending, with everything */
    double writes_per_gib; /* of memory */
};

struct capacity_budget_row {
    double bytes;
    double safe_memory_s; /* WAL_MODE=memory and as much WAL_MEMORY_BYTES */
    double safe_disk_s;   /* WAL_MODE=file, that much room for WAL_DIR */
};

/* What runs with a column's settings showed, all of them under one load.  A replica that is behind takes
 * CAPACITY_BEHIND_S for each request that writes. */
#define CAPACITY_BEHIND_S 3.0
struct capacity_column_runs {
    unsigned runs; /* 0 = none was played, and nothing below is known */
    double writes_per_minute, reads_per_minute;
    double stale_share; /* of reads while the replica was behind: lacked an acknowledged write */
    double stale_s;     /* the oldest such write had been acknowledged so long before */
    /* Until /status calls the primary unhealthy, longest of the runs; NAN = it did not in some: */
    double noticed_gone_s;     /* it refuses, and nobody asks for anything */
    double noticed_sick_s;     /* it fails its health checks alone, and nobody asks for anything */
    double noticed_hang_s;     /* it hangs under the load */
    double failed_share;       /* of all requests while it hung */
    double slowest_s;          /* answer to one of them */
    double primary_per_minute; /* requests that the primary got while all was well */
    double primary_behind;     /* ... while the replica was behind */
};

/* A column of the guide's tuning table, as walproxy's own LOAD_PROFILE sets it. */
struct capacity_column {
    const char *name;
    double window_s, replica_ratio, timeout_s, check_s;
    double noticed_s;           /* that the primary is gone, without a request to tell it, at most */
    double probes_per_hour;     /* of each instance */
    double primary_reads_share; /* of reads outside of the window */
    double first_try_s; /* that a client waits for a primary that hangs, before the replica is asked */
    bool fits;          /* recommended for the load asked about */
    struct capacity_column_runs measured;
};

struct capacity_study {
    const char *source; /* of the load, for people; borrowed */
    const char *costs_source;
    struct capacity_question question;
    struct capacity_forecast forecast;
    double guide_mb; /* for this load */
    struct capacity_point guide[CAPACITY_GUIDE_EXAMPLES];
    struct capacity_budget_row budgets[CAPACITY_BUDGETS];
    struct capacity_body_row bodies[CAPACITY_BODIES];
    struct capacity_column columns[CAPACITY_COLUMNS];
    double writes_per_gib_guide;  /* the guide: 10,000 */
    double writes_per_gib;        /* of the load's size */
    double body_for_guide_gib;    /* bytes of a write at which 10,000 of them take 1 GiB */
    struct capacity_point *sweep; /* CAPACITY_SWEEP cubed, or NULL; owned */
    size_t sweep_count;
    struct capacity_point
        curve[CAPACITY_CURVE]; /* the load with rising outages, up to twice the one asked about */
    double cpu_us_per_write;   /* of the log itself, measured here; 0 = not measured */
};

/* Works everything out.  question, source and costs_source are set; measured figures are added by the caller.
 */
void capacity_study(struct capacity_study *study, bool sweep);
void capacity_study_deinit(struct capacity_study *study);
/* The question with another load. */
void capacity_point(const struct capacity_question *base, double write_kb, double per_minute, double minutes,
                    struct capacity_point *out);
/* The 27 of the sweep, or so: sizes, rates and outages around the guide's three examples. */
extern const double capacity_sweep_kb[CAPACITY_SWEEP];
extern const double capacity_sweep_per_minute[CAPACITY_SWEEP];
extern const double capacity_sweep_minutes[CAPACITY_SWEEP];

#endif
