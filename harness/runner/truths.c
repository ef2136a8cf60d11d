/* What the oracles have to be told beside the history: which bounds the balancer was given, when nobody can
 * have reached an instance, and when everything had been mended. */
#include "harness/runner/run.h"

#include "base/json_scan.h"
#include "base/memory.h"
#include <string.h>

#define SLOWEST_INTERVAL_NS (60 * NS_PER_S) /* of all load profiles */
#define NOTICE_LEAST_NS     (5 * NS_PER_S)
#define PROBE_FAST_MOST_NS  (3 * NS_PER_S)

/* Where nobody said how often to look (a balancer that runs elsewhere has its own settings), it may be as
 * slow as a profile is. */
static uint64_t most_to_notice_ns(const struct settings_draft *lb)
{
    const struct settings_row *row = settings_find(STR("CHECK_INTERVAL"));
    bool told = lb->source[row - settings_table] != SETTINGS_DEFAULT;
    uint64_t interval_ns = told ? lb->values.check_interval_ns : SLOWEST_INTERVAL_NS;
    uint64_t least_ns = interval_ns > NOTICE_LEAST_NS ? interval_ns : NOTICE_LEAST_NS;
    return interval_ns + lb->values.failure_threshold * PROBE_FAST_MOST_NS + least_ns;
}

/* A fault that closes the port for its whole length; one with a match or an end of its own is something else.
 */
static bool closes_port(const struct scenario_fault *plan)
{
    struct json_scan scan;
    if (plan->document == NULL) {
        return plan->kill;
    }
    const struct json_member *what =
        json_scan(str_of(plan->document), &scan) == 0 ? json_scan_find(&scan, "do") : NULL;
    size_t expected = json_scan_find(&scan, "name") == NULL ? 1 : 2;
    return what != NULL && str_equal(what->value, STR("\"refuse\"")) && scan.count == expected;
}

static void tell_outages(const struct run *run, struct checker_input *input, struct checker_outage *outages)
{
    input->outages = outages;
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        const struct scenario_fault *plan = &run->scenario->faults[i];
        const struct run_fault *fault = &run->faults[i];
        if (plan->target != SCENARIO_LB && fault->begun && closes_port(plan)) {
            outages[input->outage_count++] = (struct checker_outage){
                .instance = plan->target == SCENARIO_REPLICA ? 1 : 0,
                .start_ns = (int64_t)fault->start_ns,
                .end_ns = fault->over ? (int64_t)fault->end_ns : HISTORY_NEVER,
            };
        }
    }
}

struct checker_outage *truths_tell(const struct run *run, struct checker_input *input)
{
    const struct settings *lb = &run->lb->values;
    struct checker_outage *outages = mem_alloc_array(run->scenario->fault_count + 1, sizeof(*outages));
    tell_outages(run, input, outages);
    input->notice_ns = most_to_notice_ns(run->lb);
    /* One write for each instance goes on however little room there is: it would never go otherwise. */
    input->memory_most = lb->wal_memory_bytes + (run->scenario->has_replica ? 2 : 1) * lb->max_body_bytes;
    input->writes_most = lb->wal_max_writes;
    input->healed = run->healed_ns > 0;
    input->healed_ns = (int64_t)run->healed_ns;
    input->drained = run->drained;
    return outages;
}
