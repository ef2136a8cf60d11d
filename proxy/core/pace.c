#include "proxy/core/pace.h"

#include "base/units.h"
#include "proxy/core/calls.h"

#define FRESH_PER_SECOND  100.0
#define GENTLE_PER_SECOND 8.0
#define LEAST_PER_SECOND  2.0
#define MOST_PER_SECOND   1000.0
#define BRISK_PER_SECOND  4.0
#define GENTLE_RECORDS    16.0
#define GENTLE_WINDOW     2.0
#define MOST_WINDOW       8.0
#define BELOW_CEILING     0.8 /* of where it broke */
#define PATIENCE_NS       (15 * NS_PER_S)
#define MOST_PATIENCE_NS  (600 * NS_PER_S)
#define SLOW_NS           (1 * NS_PER_S)
#define BURST             3.0 /* requests more than one that may go at once; at least those of */
#define BURST_NS          (NS_PER_S / 4)
#define RATE_BURST_NS     (NS_PER_S / 4) /* of REPLAY_RATE that may go at once */

static double most_records(const struct core *core)
{
    return (double)core->settings.replay_batch_records;
}

void pace_init(struct core *core, unsigned i)
{
    struct pace *pace = &core->instances[i].pace;
    *pace = (struct pace){
        .per_second = FRESH_PER_SECOND,
        .records = most_records(core),
        .window = GENTLE_WINDOW,
        .patience_ns = PATIENCE_NS,
    };
    timer_init(&pace->timer, TIMER_PACE, i, NULL);
}

void pace_restart(struct core *core, unsigned i)
{
    struct pace *pace = &core->instances[i].pace;
    pace->per_second = GENTLE_PER_SECOND;
    pace->ceiling = 0;
    pace->patience_ns = PATIENCE_NS;
    pace->failing = false;
    pace->records = most_records(core) < GENTLE_RECORDS ? most_records(core) : GENTLE_RECORDS;
    pace->window = GENTLE_WINDOW;
    pace->next_ns = 0;
}

double pace_rate(const struct core *core)
{
    return core->throttled ? core->throttle_rate : core->settings.replay_rate;
}

void pace_rate_changed(struct core *core)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        core->instances[i].pace.paid_ns = core->now_ns;
    }
}

uint64_t pace_waits_until(const struct core *core, unsigned i)
{
    const struct pace *pace = &core->instances[i].pace;
    uint64_t until_ns = pace->next_ns;
    if (pace_rate(core) > 0 && pace->paid_ns > core->now_ns + RATE_BURST_NS) {
        uint64_t paid_ns = pace->paid_ns - RATE_BURST_NS;
        until_ns = until_ns > paid_ns ? until_ns : paid_ns;
    }
    return until_ns > core->now_ns ? until_ns : 0;
}

bool pace_allows(struct core *core, unsigned i)
{
    struct pace *pace = &core->instances[i].pace;
    uint64_t until_ns = pace_waits_until(core, i);
    if (until_ns == 0) {
        return true;
    }
    pace->wanted = true;
    timer_set(core, &pace->timer, until_ns);
    return false;
}

size_t pace_records(const struct core *core, unsigned i)
{
    double records = core->instances[i].pace.records;
    double rate = pace_rate(core) * (double)RATE_BURST_NS / (double)NS_PER_S;
    if (pace_rate(core) > 0 && rate < records) {
        records = rate;
    }
    return records < 1 ? 1 : (size_t)records;
}

void pace_sent(struct core *core, unsigned i, size_t writes)
{
    struct pace *pace = &core->instances[i].pace;
    uint64_t burst_ns = (uint64_t)(BURST * (double)NS_PER_S / pace->per_second);
    burst_ns = burst_ns > BURST_NS ? burst_ns : BURST_NS;
    uint64_t saved_ns = core->now_ns < burst_ns ? 0 : core->now_ns - burst_ns;
    uint64_t from_ns = pace->next_ns > saved_ns ? pace->next_ns : saved_ns;
    pace->next_ns = from_ns + (uint64_t)((double)NS_PER_S / pace->per_second);
    if (pace_rate(core) > 0) {
        uint64_t owed_ns = pace->paid_ns > core->now_ns ? pace->paid_ns : core->now_ns;
        pace->paid_ns = owed_ns + (uint64_t)((double)writes * (double)NS_PER_S / pace_rate(core));
    }
}

static bool slow(const struct core *core, const struct call *call)
{
    uint64_t share_ns = core->settings.request_timeout_ns / 8;
    uint64_t limit_ns = call_timeout_floor(core, share_ns > SLOW_NS ? share_ns : SLOW_NS);
    return core->now_ns - call->sent_ns > limit_ns;
}

/* Once for all that was on its way together. */
static bool is_news(const struct core *core, const struct call *call)
{
    return call->sent_ns >= core->instances[call->instance].pace.trouble_ns;
}

static void halve(double *value, double least)
{
    *value = *value / 2 < least ? least : *value / 2;
}

/* Called once for each success, so that a step of 1 / per_second is one request a second more each second. */
static void climb(struct pace *pace, uint64_t now_ns)
{
    if (now_ns >= pace->forget_ns) {
        pace->ceiling = 0; /* it may have grown stronger since */
    }
    if (pace->ceiling == 0) {
        pace->per_second += 1 / pace->per_second;
    } else if (pace->per_second < pace->ceiling / 2) {
        pace->per_second += 1; /* it has borne that */
    } else if (pace->per_second < pace->ceiling * BELOW_CEILING) {
        pace->per_second += 1 / pace->per_second;
    }
    pace->per_second = pace->per_second < MOST_PER_SECOND ? pace->per_second : MOST_PER_SECOND;
}

void pace_succeeded(struct core *core, const struct call *call)
{
    struct pace *pace = &core->instances[call->instance].pace;
    if (slow(core, call)) {
        (void)pace_failed(core, call, PACE_LATE);
        return;
    }
    if (call->was_replay && (double)call->member_count >= pace->records) {
        pace->records = pace->records * 2 < most_records(core) ? pace->records * 2 : most_records(core);
    }
    if (call->was_replay && pace->wanted) { /* more than is asked for proves nothing */
        pace->wanted = false;
        climb(pace, core->now_ns);
    }
    pace->failing = false;
    pace->window = pace->window + 0.25 < MOST_WINDOW ? pace->window + 0.25 : MOST_WINDOW;
}

bool pace_failed(struct core *core, const struct call *call, enum pace_trouble trouble)
{
    struct pace *pace = &core->instances[call->instance].pace;
    if (!is_news(core, call)) {
        return false;
    }
    pace->trouble_ns = core->now_ns;
    if (trouble == PACE_BROKEN) {
        return true;
    }
    /* The first of a row, and near to where it broke or might break: that is how much it bears.  One that
     * fails when it is hardly asked for anything fails for other reasons. */
    if (!pace->failing && pace->per_second > GENTLE_PER_SECOND && pace->per_second >= pace->ceiling / 2) {
        pace->ceiling = pace->per_second;
        pace->forget_ns = core->now_ns + pace->patience_ns;
        pace->patience_ns =
            pace->patience_ns * 2 < MOST_PATIENCE_NS ? pace->patience_ns * 2 : MOST_PATIENCE_NS;
    }
    pace->failing = true;
    halve(&pace->per_second, LEAST_PER_SECOND);
    halve(&pace->window, 1);
    if (trouble == PACE_LATE) {
        halve(&pace->records, 1);
    }
    return true;
}

void pace_too_large(struct core *core, unsigned i, uint64_t bytes)
{
    struct pace *pace = &core->instances[i].pace;
    if (pace->bytes == 0 || bytes / 2 < pace->bytes) {
        pace->bytes = bytes / 2 + 1;
    }
}

bool pace_is_brisk(const struct core *core, unsigned i)
{
    return core->instances[i].pace.per_second >= BRISK_PER_SECOND && pace_rate(core) <= 0;
}
