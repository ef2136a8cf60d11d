/* A scenario played on the fake stack, and what came of it. */
#ifndef WALDRILL_TESTS_UNIT_RUNNER_PLAYED_H
#define WALDRILL_TESTS_UNIT_RUNNER_PLAYED_H

#include "harness/runner/runner.h"
#include "tests/unit/runner/fake_engine.h"

/* Phases warmup (10 s), outage (60 s) and settled (10 s); nothing asserted yet. */
#define PLAYED_HEAD                                                                                          \
    "scenario: test\nseed: 5\nclock: virtual\ninvariants: []\nlimits: { wall: 60s, simulated: 30m }\n"       \
    "topology:\n  primary: { kind: mock-chroma }\n  replica: { kind: mock-chroma }\n  lb: { wal_mode: file " \
    "}\n"                                                                                                    \
    "phases:\n  - { name: warmup, for: 10s }\n  - { name: outage, for: 60s }\n  - { name: settled, for: "    \
    "10s }\n"

struct played {
    struct fake_engine fake;
    struct scenario *scenario;
    struct history history;
    struct results results;
    struct runner_options options;
};

/* The text must be a right scenario.  Every fault hits three times unless the test says otherwise. */
struct played *played_new(const char *yaml);
enum verdict played_run(struct played *p);
void played_free(struct played *p);
/* The first of its kind that does not hold; NULL = all hold. */
const struct assertion_result *failed_of_kind(const struct played *p, enum assertion_kind kind);

#endif
