/* The model on trial: calibrated on three points, asked about 27 others, compared with what those showed. */
#ifndef WALDRILL_HARNESS_CAPACITY_TRIAL_H
#define WALDRILL_HARNESS_CAPACITY_TRIAL_H

#include "harness/capacity/fit.h"
#include "harness/capacity/study.h"

enum { CAPACITY_CALIBRATION = 3, CAPACITY_TRIAL_POINTS = CAPACITY_SWEEP * CAPACITY_SWEEP * CAPACITY_SWEEP };

enum capacity_figure { CAPACITY_FIGURE_MEMORY, CAPACITY_FIGURE_LOG, CAPACITY_FIGURE_DRAIN, CAPACITY_FIGURES };
extern const char *const capacity_figure_names[CAPACITY_FIGURES];

struct capacity_trial {
    const char *engine, *profile; /* borrowed */
    double time_scale;
    struct capacity_question question; /* but for the load */
    struct capacity_costs costs;       /* as calibrated */
    struct capacity_point calibration[CAPACITY_CALIBRATION];
    struct capacity_point points[CAPACITY_TRIAL_POINTS];
    size_t count; /* of them; a shard has fewer */
};

/* The calibration points, with what is known without them: how often to play each. */
void capacity_trial_begin(struct capacity_trial *trial);
/* The points of a shard (from 0, of so many) whose writes are not more than so many bytes together, predicted
 * with what the calibration came to. */
void capacity_trial_predict(struct capacity_trial *trial, const struct capacity_fit *fit, unsigned shard,
                            unsigned shards, double bytes_most);
/* (predicted - measured) / measured. */
double capacity_error(const struct capacity_point *point, enum capacity_figure figure);
struct capacity_errors {
    double worst, median; /* of their absolute values, over the points measured */
    size_t worst_at;
};
void capacity_errors(const struct capacity_trial *trial, enum capacity_figure figure,
                     struct capacity_errors *out);

#endif
