/* Random campaigns: a scenario drawn from a seed, swarm style - each campaign enables a random subset of
 * operations and faults, so that rare combinations are met and none hides another.  Private to harness/cli.
 */
#ifndef WALDRILL_HARNESS_CLI_CAMPAIGN_H
#define WALDRILL_HARNESS_CLI_CAMPAIGN_H

#include "harness/runner/runner.h"
#include "harness/scenario/scenario.h"
#include <stdint.h>

/* The caller frees it with scenario_free; options gets what the campaign wants of the runner. */
struct scenario *campaign_draw(uint64_t seed, struct runner_options *options);

#endif
