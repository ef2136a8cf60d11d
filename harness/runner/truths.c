/* What the oracles have to be told beside the history: which bounds the balancer was given, when nobody can
 * have reached an instance, and when everything had been mended. */
#include "harness/runner/run.h"

#include "base/json_scan.h"
#include "base/memory.h"
#include <string.h>

#define DEFAULT_MEMORY_BYTES (UINT64_C(512) << 20)
#define DEFAULT_BODY_BYTES   UINT64_C(41943040)
#define DEFAULT_INTERVAL_NS  (60 * NS_PER_S) /* of the slowest load profile */
#define DEFAULT_THRESHOLD    3
#define NOTICE_LEAST_NS      (5 * NS_PER_S)
#define PROBE_FAST_MOST_NS   (3 * NS_PER_S)

static const char *setting(const struct run *run, const char *name)
{
    for (size_t i = 0; i < run->scenario->lb_setting_count; i++) {
        if (strcmp(run->scenario->lb_settings[i].name, name) == 0) {
            return run->scenario->lb_settings[i].value;
        }
    }
    return NULL;
}

typedef int parse_setting(struct str text, uint64_t *out, struct errmsg *msg);

static uint64_t setting_u64(const struct run *run, const char *name, parse_setting *parse, uint64_t fallback)
{
    const char *text = setting(run, name);
    uint64_t value;
    return text != NULL && parse(str_of(text), &value, NULL) == 0 ? value : fallback;
}

static int parse_interval(struct str text, uint64_t *out, struct errmsg *msg)
{
    return units_parse_duration(text, NS_PER_S, out, msg);
}

static int parse_size(struct str text, uint64_t *out, struct errmsg *msg)
{
    return units_parse_size(text, true, out, msg);
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
    uint64_t interval_ns = setting_u64(run, "check_interval", parse_interval, DEFAULT_INTERVAL_NS);
    uint64_t threshold = setting_u64(run, "failure_threshold", units_parse_u64, DEFAULT_THRESHOLD);
    uint64_t memory = setting_u64(run, "wal_memory_bytes", parse_size, DEFAULT_MEMORY_BYTES);
    struct checker_outage *outages = mem_alloc_array(run->scenario->fault_count + 1, sizeof(*outages));
    tell_outages(run, input, outages);
    input->notice_ns = interval_ns + threshold * PROBE_FAST_MOST_NS +
                       (interval_ns > NOTICE_LEAST_NS ? interval_ns : NOTICE_LEAST_NS);
    /* One write for each instance goes on however little room there is: it would never go otherwise. */
    input->memory_most = memory + (run->scenario->has_replica ? 2 : 1) *
                                      setting_u64(run, "max_body_bytes", parse_size, DEFAULT_BODY_BYTES);
    input->writes_most = setting_u64(run, "wal_max_writes", units_parse_u64, 0);
    input->healed = run->healed_ns > 0;
    input->healed_ns = (int64_t)run->healed_ns;
    input->drained = run->drained;
    return outages;
}
