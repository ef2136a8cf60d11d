/* Calibration finds what runs were made of, and a trial tells errors as they are. */
#include "harness/capacity/trial.h"
#include "tests/lib/suite.h"
#include <math.h>
#include <string.h>

static void test_finds_what_it_was_made_of(void)
{
    struct capacity_fit fit = { 0 };
    struct capacity_costs costs = { .bandwidth = 7 };
    for (double records = 1; records <= 20; records++) {
        for (double bytes = 1000; bytes < 100000; bytes *= 3) {
            capacity_fit_request(&fit, records, records * bytes,
                                 0.020 + 0.001 * records + 1e-8 * records * bytes);
        }
    }
    for (double outage_s = 600; outage_s < 4000; outage_s += 600) {
        capacity_fit_log(&fit, outage_s, 9000 + 51.2 * outage_s);
    }
    capacity_fit_costs(&fit, &costs);
    CU_ASSERT_DOUBLE_EQUAL(costs.request_s, 0.020, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(costs.record_s, 0.001, 1e-6);
    CU_ASSERT_DOUBLE_EQUAL(costs.byte_s, 1e-8, 1e-11);
    CU_ASSERT(costs.spread_s < 1e-4);
    CU_ASSERT_DOUBLE_EQUAL(costs.log_start_bytes, 9000, 1);
    CU_ASSERT_DOUBLE_EQUAL(costs.log_bytes_per_s, 51.2, 1e-3);
    CU_ASSERT_EQUAL(costs.bandwidth, 7);
}

/* A cost below nothing makes no sense: noise must not become one. */
static void test_no_negative_costs(void)
{
    struct capacity_fit fit = { 0 };
    struct capacity_costs costs = { 0 };
    for (double records = 1; records <= 50; records++) {
        capacity_fit_request(&fit, records, records * 1000 * (1 + fmod(records, 3)),
                             0.030 + 0.001 * records - 1e-7 * records * 1000 * (1 + fmod(records, 3)));
    }
    capacity_fit_costs(&fit, &costs);
    CU_ASSERT(costs.byte_s >= 0 && costs.record_s >= 0 && costs.request_s >= 0);
    CU_ASSERT(costs.request_s + costs.record_s > 0.02);
    memset(&fit, 0, sizeof(fit));
    capacity_fit_costs(&fit, &costs); /* nothing was seen */
    CU_ASSERT_EQUAL(costs.request_s, 0);
    CU_ASSERT_EQUAL(costs.log_bytes_per_s, 0);
}

/* The calibration is no part of what is judged, and the guide's three are. */
static void test_points(void)
{
    static struct capacity_trial trial;
    struct capacity_fit fit = { 0 };
    size_t guide = 0;
    capacity_question_init(&trial.question);
    capacity_trial_begin(&trial);
    capacity_trial_predict(&trial, &fit, 0, 1, INFINITY);
    CU_ASSERT_EQUAL(trial.count, 27);
    for (size_t i = 0; i < trial.count; i++) {
        const struct capacity_point *p = &trial.points[i];
        for (size_t k = 0; k < CAPACITY_GUIDE_EXAMPLES; k++) {
            const struct capacity_guide_example *e = &capacity_guide_examples[k];
            guide += p->write_kb == e->write_kb && p->per_minute == e->per_minute && p->minutes == e->minutes;
        }
        for (size_t k = 0; k < CAPACITY_CALIBRATION; k++) {
            const struct capacity_point *c = &trial.calibration[k];
            CU_ASSERT_FALSE(p->write_kb == c->write_kb || p->per_minute == c->per_minute ||
                            p->minutes == c->minutes);
        }
    }
    CU_ASSERT_EQUAL(guide, 3);
    size_t all = 0;
    for (unsigned shard = 0; shard < 4; shard++) {
        capacity_trial_predict(&trial, &fit, shard, 4, INFINITY);
        all += trial.count;
    }
    CU_ASSERT_EQUAL(all, 27);
    capacity_trial_predict(&trial, &fit, 0, 1, 20.0 * 1024 * 1024);
    CU_ASSERT(trial.count > 5 && trial.count < 20);
}

static void test_errors(void)
{
    static struct capacity_trial trial;
    struct capacity_errors errors;
    const double measured[4] = { 100, 110, 90, 0 };
    trial.count = 4;
    for (size_t i = 0; i < 3; i++) {
        trial.points[i].forecast.drain_s = 100;
        trial.points[i].measured_drain_s = measured[i];
        trial.points[i].measured = true;
    }
    trial.points[3].forecast.drain_s = 5; /* not played: no error of its own */
    capacity_errors(&trial, CAPACITY_FIGURE_DRAIN, &errors);
    CU_ASSERT_DOUBLE_EQUAL(errors.worst, 10.0 / 90, 1e-12);
    CU_ASSERT_EQUAL(errors.worst_at, 2);
    CU_ASSERT_DOUBLE_EQUAL(errors.median, 10.0 / 110, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(capacity_error(&trial.points[1], CAPACITY_FIGURE_DRAIN), -10.0 / 110, 1e-12);
}

static const struct suite_test tests[] = {
    { "a fit finds what the requests were made of", test_finds_what_it_was_made_of },
    { "a fit never finds costs below nothing", test_no_negative_costs },
    { "27 points, the guide's among them, none used to calibrate", test_points },
    { "errors are relative to what was measured", test_errors },
};
TEST_MAIN("capacity fit", tests)
