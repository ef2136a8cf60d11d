#include "harness/capacity/fit.h"

#include <math.h>
#include <string.h>

#define NOTHING 1e-12 /* of a pivot: the columns before it say the same already */

void capacity_fit_request(struct capacity_fit *fit, double records, double bytes, double busy_s)
{
    const double x[4] = { 1, records, bytes, busy_s };
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 4; j++) {
            fit->work[i][j] += x[i] * x[j];
        }
    }
    fit->work_squares += busy_s * busy_s;
    fit->requests++;
}

void capacity_fit_log(struct capacity_fit *fit, double outage_s, double beside_bytes)
{
    const double x[3] = { 1, outage_s, beside_bytes };
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 3; j++) {
            fit->log[i][j] += x[i] * x[j];
        }
    }
    fit->points++;
}

/* Gauss without exchange of rows: sums of squares stand on the diagonal.  Rows of width count + 1. */
static void solve(double *a, size_t count, double *out)
{
    size_t width = count + 1;
    for (size_t k = 0; k < count; k++) {
        double pivot = a[k * width + k];
        for (size_t i = 0; i < count; i++) {
            double share = i == k || fabs(pivot) < NOTHING ? 0 : a[i * width + k] / pivot;
            for (size_t j = 0; j < width; j++) {
                a[i * width + j] -= share * a[k * width + j];
            }
        }
    }
    for (size_t k = 0; k < count; k++) {
        double pivot = a[k * width + k];
        out[k] = fabs(pivot) < NOTHING ? 0 : a[k * width + count] / pivot;
    }
}

/* Leaves out, the last first, what comes out negative. */
static void solve_positive(const double *sums, size_t count, double *out)
{
    double a[3 * 4];
    bool left_out[3] = { false };
    for (size_t tries = 0; tries <= count; tries++) {
        memcpy(a, sums, count * (count + 1) * sizeof(*a));
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < count && left_out[i]; j++) {
                a[i * (count + 1) + j] = 0;
                a[j * (count + 1) + i] = 0;
            }
            a[i * (count + 1) + count] *= left_out[i] ? 0 : 1;
        }
        solve(a, count, out);
        bool negative = false;
        for (size_t i = count; i > 0 && !negative; i--) {
            negative = out[i - 1] < 0;
            left_out[i - 1] = left_out[i - 1] || negative;
        }
        if (!negative) {
            return;
        }
    }
}

/* What the fit leaves unexplained, of one request. */
static double spread(const struct capacity_fit *fit, const double work[3])
{
    double squares = fit->work_squares;
    for (size_t i = 0; i < 3; i++) {
        squares -= work[i] * fit->work[i][3];
    }
    return fit->requests > 3 && squares > 0 ? sqrt(squares / (fit->requests - 3)) : 0;
}

void capacity_fit_costs(const struct capacity_fit *fit, struct capacity_costs *costs)
{
    double work[3] = { 0 };
    double log[2] = { 0 };
    solve_positive(&fit->work[0][0], 3, work);
    solve_positive(&fit->log[0][0], 2, log);
    *costs = (struct capacity_costs){ .request_s = work[0],
                                      .record_s = work[1],
                                      .byte_s = work[2],
                                      .spread_s = spread(fit, work),
                                      .bandwidth = costs->bandwidth,
                                      .log_start_bytes = log[0],
                                      .log_bytes_per_s = log[1] };
}
