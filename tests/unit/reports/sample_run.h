/* A run made by hand: ten minutes, a primary that is away from 1m to 6m, a write every second and a read
 * every half, /status every second. */
#ifndef WALDRILL_TESTS_UNIT_REPORTS_SAMPLE_RUN_H
#define WALDRILL_TESTS_UNIT_REPORTS_SAMPLE_RUN_H

#include "base/units.h"
#include "harness/history.h"
#include "harness/results.h"

#define SAMPLE_SECOND  ((int64_t)NS_PER_S)
#define SAMPLE_SECONDS 600

struct sample_run {
    struct history history;
    struct results results; /* PASS, with its history */
};

void sample_run_init(struct sample_run *s);
void sample_run_deinit(struct sample_run *s);
/* The caller's texts are copied; NULL stays NULL. */
struct assertion_result *sample_assert(struct results *r, enum assertion_kind kind, const char *name,
                                       bool passed, const char *expected, const char *saw);

#endif
