/* Calibration: what a primary and a log were seen to need, from the runs of a few points. */
#ifndef WALDRILL_HARNESS_CAPACITY_FIT_H
#define WALDRILL_HARNESS_CAPACITY_FIT_H

#include "harness/capacity/model.h"

/* Sums of least squares; zero it to begin. */
struct capacity_fit {
    double work[3][4]; /* seconds of a request over 1, records, bytes */
    double log[2][3];  /* bytes of the log beyond its writes over 1, seconds */
    double work_squares;
    double requests;
    double points;
};

/* A request with replayed writes kept the primary busy for so long. */
void capacity_fit_request(struct capacity_fit *fit, double records, double bytes, double busy_s);
/* An outage left so many bytes in the log beside those of its writes. */
void capacity_fit_log(struct capacity_fit *fit, double outage_s, double beside_bytes);
/* Costs are never negative: what would be is left out, and the rest fitted without it. */
void capacity_fit_costs(const struct capacity_fit *fit, struct capacity_costs *costs);

#endif
