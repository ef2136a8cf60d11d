#include "harness/capacity/trial.h"

#include <math.h>
#include <stdlib.h>

#define HARNESS_ID_BYTES 7 /* of X-Request-Id: "wd-1234" */

const char *const capacity_figure_names[CAPACITY_FIGURES] = { "memory_bytes", "log_bytes", "drain_s" };

/* Outside of the 27: other sizes, other rates, other outages.  Their sizes stand on both sides of the 27's,
 * so that what chance does to the cost of a byte is not made larger. */
static const struct {
    double write_kb, per_minute, minutes;
} calibration[CAPACITY_CALIBRATION] = { { 2, 100, 20 }, { 30, 60, 20 }, { 200, 60, 10 } };

void capacity_trial_begin(struct capacity_trial *trial)
{
    trial->question.load.request_id_bytes = HARNESS_ID_BYTES;
    for (size_t i = 0; i < CAPACITY_CALIBRATION; i++) {
        capacity_point(&trial->question, calibration[i].write_kb, calibration[i].per_minute,
                       calibration[i].minutes, &trial->calibration[i]);
    }
}

void capacity_trial_predict(struct capacity_trial *trial, const struct capacity_fit *fit, unsigned shard,
                            unsigned shards, double bytes_most)
{
    trial->costs = trial->question.costs;
    capacity_fit_costs(fit, &trial->costs);
    trial->question.costs = trial->costs;
    trial->count = 0;
    for (size_t i = 0; i < CAPACITY_TRIAL_POINTS; i++) {
        double kb = capacity_sweep_kb[i / (CAPACITY_SWEEP * CAPACITY_SWEEP)];
        double per_minute = capacity_sweep_per_minute[i / CAPACITY_SWEEP % CAPACITY_SWEEP];
        double minutes = capacity_sweep_minutes[i % CAPACITY_SWEEP];
        if (i % shards == shard && kb * 1024 * per_minute * minutes <= bytes_most) {
            capacity_point(&trial->question, kb, per_minute, minutes, &trial->points[trial->count++]);
        }
    }
}

static double relative(double predicted, double measured)
{
    return measured == 0 ? (predicted == 0 ? 0 : (double)INFINITY) : (predicted - measured) / measured;
}

double capacity_error(const struct capacity_point *p, enum capacity_figure figure)
{
    switch (figure) {
        case CAPACITY_FIGURE_MEMORY:
            return relative(p->forecast.memory_bytes, p->measured_memory_bytes);
        case CAPACITY_FIGURE_LOG:
            return relative(p->forecast.log_bytes, p->measured_log_bytes);
        case CAPACITY_FIGURE_DRAIN:
            return relative(p->forecast.drain_s, p->measured_drain_s);
        case CAPACITY_FIGURES:
            break;
    }
    return 0;
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

void capacity_errors(const struct capacity_trial *trial, enum capacity_figure figure,
                     struct capacity_errors *out)
{
    double all[CAPACITY_TRIAL_POINTS] = { 0 };
    size_t count = 0;
    *out = (struct capacity_errors){ 0 };
    for (size_t i = 0; i < trial->count; i++) {
        double error = fabs(capacity_error(&trial->points[i], figure));
        if (!trial->points[i].measured) {
            continue;
        }
        if (error >= out->worst) {
            out->worst = error;
            out->worst_at = i;
        }
        all[count++] = error;
    }
    qsort(all, count, sizeof(all[0]), rising);
    out->median = count == 0       ? 0
                  : count % 2 == 1 ? all[count / 2]
                                   : (all[count / 2 - 1] + all[count / 2]) / 2;
}
