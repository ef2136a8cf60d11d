/* What the files of `waldrill capacity` share.  Private to harness/cli. */
#ifndef WALDRILL_HARNESS_CLI_CAPACITY_H
#define WALDRILL_HARNESS_CLI_CAPACITY_H

#include "harness/capacity/study.h"
#include "harness/results.h"
#include "harness/scenario/scenario.h"

#define CAPACITY_SOURCE  512
#define CAPACITY_PROFILE "measured-small" /* unless another is asked for */

/* What the command line says, as text; NULL = not said. */
struct capacity_request {
    const char *write_size, *rate, *outage, *collections, *records;
    const char *dimension, *documents, *encoding;
    const char *profile, *replay_rate, *bandwidth;
    const char *live, *token;
    const char *budget, *format, *out, *engine, *time_scale, *shard, *most;
    bool before, after, sweep, measure, verify;
};

/* A question being put together; a later source replaces what an earlier one said. */
struct capacity_inputs {
    struct capacity_question question;
    struct settings_draft settings;
    char source[CAPACITY_SOURCE];       /* of the load, for people */
    char costs_source[CAPACITY_SOURCE]; /* of the primary's costs */
    bool has_size;                      /* the source told one */
};

/* capacity_options.c; ERR_*, or false, after one line on stderr. */
bool capacity_options_fit(int argc, char **argv, const struct capacity_request *r);
/* The whole question; arguments that are no options are settings, and the place the load comes from. */
int capacity_read(int argc, char **argv, const struct capacity_request *r, struct capacity_inputs *in);
int capacity_read_budget(const char *text, enum capacity_store *store, double *bytes); /* "memory=1GB" */
int capacity_wrong(const char *option, const char *said, const char *allowed);         /* ERR_INVALID */

/* capacity_sources.c: each takes the load (and what else it knows) from a place.  ERR_* with one line. */
int capacity_from_scenario(const char *path, struct capacity_inputs *in, struct errmsg *msg);
int capacity_from_run(const char *folder, struct capacity_inputs *in, struct errmsg *msg);
int capacity_from_live(const char *url, const char *token, struct capacity_inputs *in, struct errmsg *msg);

/* capacity_cpu.c: processor time that one such write costs the log, in microseconds; measured now. */
double capacity_cpu_us(const struct capacity_load *load);

/* How scenarios of capacity planning are played. */
struct capacity_fit;
struct capacity_play {
    const char *engine;
    const char *profile; /* of the mocks */
    double time_scale;   /* real */
    const char *work_dir;
    unsigned runs;     /* of each point, at least */
    unsigned requests; /* at least so many in all runs of a point together, so that a mean is steady */
};

/* capacity_run.c: the text of a scenario made ready (the caller's, by scenario_free; NULL and one line when
 * it cannot be), and played with a seed; anew with another when a run proves nothing.  0 only for a run that
 * passed: history and results, which the caller has initialized and deinitializes, then hold it; else one
 * line that begins with what. */
struct scenario *capacity_scenario(const char *name, const struct buf *text, struct errmsg *msg);
int capacity_run(const struct capacity_play *play, const struct scenario *s, uint64_t seed,
                 uint64_t sample_ns, const char *what, struct history *history, struct results *results,
                 struct errmsg *msg);

/* capacity_play.c: the point as a scenario, played; the means of its runs are added to it, and what each
 * request with replayed writes took, for calibration.  ERR_* with one line. */
int capacity_play_point(const struct capacity_play *play, struct capacity_point *point,
                        struct capacity_fit *fit, struct errmsg *msg);

/* capacity_columns.c: the guide's columns of settings, each played under the load asked about.  ERR_* with
 * one line. */
int capacity_play_columns(const struct capacity_play *play, const struct capacity_load *load,
                          struct capacity_column columns[CAPACITY_COLUMNS], struct errmsg *msg);

/* capacity_verify.c; the exit status. */
int capacity_verify(const struct capacity_request *request, const struct capacity_inputs *in);

#endif
