#include "proxy/core/health.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/units.h"
#include "proxy/core/calls.h"
#include "proxy/core/mark.h"
#include "proxy/core/pace.h"
#include "proxy/core/reads.h"
#include "proxy/core/send.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define PROBE_TARGET         "/api/v2/tenants/default_tenant/databases/default_database/collections?limit=1"
#define PROBE_SOON_NS        (50 * NS_PER_MS)
#define PROBE_FAST_MIN_NS    (100 * NS_PER_MS)
#define PROBE_FAST_MAX_NS    (3 * NS_PER_S)
#define PROBE_TIMEOUT_MAX_NS (5 * NS_PER_S)
#define BACKOFF_BASE_NS      (100 * NS_PER_MS)
#define BACKOFF_CAP_NS       (10 * NS_PER_S)
#define FLAP_INTERVALS       10
#define FLAPS_MAX            3

static const char *const instance_names[CORE_INSTANCES] = { "primary", "replica" };

void health_init(struct core *core)
{
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        struct instance *instance = &core->instances[i];
        instance->name = instance_names[i];
        instance->state = INSTANCE_UP; /* asked at once; its first failure tells */
        pace_init(core, i);
        TAILQ_INIT(&instance->ready);
        timer_init(&instance->probe_timer, TIMER_PROBE, i, NULL);
        timer_init(&instance->backoff_timer, TIMER_BACKOFF, i, NULL);
    }
}

void health_start(struct core *core)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        health_probe(core, i);
    }
}

uint64_t health_jitter(struct core *core, uint64_t base_ns, uint64_t cap_ns, uint32_t steps)
{
    uint64_t ceiling = steps >= 20 ? cap_ns : base_ns << steps;
    if (ceiling > cap_ns) {
        ceiling = cap_ns;
    }
    return prng_between(&core->prng, base_ns / 2, ceiling);
}

static uint64_t fast_interval(const struct core *core)
{
    uint64_t ns = core->settings.check_interval_ns / 10;
    ns = ns < PROBE_FAST_MIN_NS ? PROBE_FAST_MIN_NS : ns;
    return ns > PROBE_FAST_MAX_NS ? PROBE_FAST_MAX_NS : ns;
}

static uint64_t probe_timeout(const struct core *core)
{
    uint64_t ns = core->settings.request_timeout_ns / 3;
    ns = ns < NS_PER_S ? NS_PER_S : ns;
    ns = ns > PROBE_TIMEOUT_MAX_NS ? PROBE_TIMEOUT_MAX_NS : ns;
    return call_timeout_floor(core, ns);
}

void health_probe(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    timer_stop(core, &instance->probe_timer);
    if (instance->probe_call != 0) {
        return;
    }
    struct call_spec spec = {
        .kind = CALL_PROBE,
        .instance = i,
        .method = STR("GET"),
        .target = STR(PROBE_TARGET),
        .answer_limit = ANSWER_LIMIT_SMALL,
        .timeout_ns = probe_timeout(core),
    };
    instance->probe_call = call_start(core, &spec)->id;
}

static void next_probe(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    bool hurry = instance->state == INSTANCE_SUSPECT ||
                 (instance->state == INSTANCE_UP && instance->failures > 0) ||
                 (instance->state == INSTANCE_DOWN && instance->successes > 0);
    uint64_t wait_ns = hurry ? fast_interval(core) : core->settings.check_interval_ns;
    timer_set(core, &instance->probe_timer, core->now_ns + wait_ns);
}

void health_interval_changed(struct core *core)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        if (core->instances[i].probe_call == 0) {
            next_probe(core, i);
        }
    }
}

/* Undecided writes that were to ask this instance, and have not been sent to it, ask another. */
void health_ask_elsewhere(struct core *core, unsigned i)
{
    struct entry_near *near = TAILQ_LAST(&core->undecided, near_list);
    while (near != NULL) {
        struct entry_near *previous = TAILQ_PREV(near, near_list, undecided);
        if (near->asker == i && near->entry->at[i] == AT_WAITING) {
            entry_ask(core, near->entry);
        }
        near = previous;
    }
}

/* Coming back again and again costs more good checks each time. */
static void count_flap(struct core *core, struct instance *instance)
{
    uint64_t calm_ns = FLAP_INTERVALS * core->settings.check_interval_ns;
    bool soon = instance->came_up_ns != 0 && core->now_ns - instance->came_up_ns < calm_ns;
    if (!soon) {
        instance->flaps = 0;
    } else if (instance->flaps < FLAPS_MAX) {
        instance->flaps++;
    }
    instance->came_up_ns = core->now_ns;
}

static uint64_t checks_needed(const struct core *core, const struct instance *instance)
{
    bool soon = instance->came_up_ns != 0 &&
                core->now_ns - instance->came_up_ns < FLAP_INTERVALS * core->settings.check_interval_ns;
    uint64_t damped = soon ? UINT64_C(2) << instance->flaps : 1;
    return damped > core->settings.recovery_threshold ? damped : core->settings.recovery_threshold;
}

static void note_failure(struct instance *instance, const char *why)
{
    (void)snprintf(instance->last_failure, sizeof(instance->last_failure), "%s", why);
}

const char *health_trouble(const struct core *core, unsigned i, char text[HEALTH_TROUBLE_SIZE])
{
    const struct instance *instance = &core->instances[i];
    if (instance->trouble == NULL || instance->state == INSTANCE_UP) {
        return NULL;
    }
    bool known = instance->last_failure[0] != '\0' && instance->state != INSTANCE_PAUSED;
    (void)snprintf(text, HEALTH_TROUBLE_SIZE, "%s%s%s", instance->trouble, known ? ": " : "",
                   known ? instance->last_failure : "");
    return text;
}

static void came_up(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    bool was_away = instance->state != INSTANCE_UP;
    bool was_down = !instance->healthy && instance->probed;
    if (was_down || !instance->probed) {
        instance->progress_ns = core->now_ns; /* but a check answered by one that hangs is no progress */
    }
    if (was_down) {
        count_flap(core, instance);
    }
    instance->state = INSTANCE_UP;
    instance->healthy = true;
    instance->probed = true;
    instance->trouble = NULL;
    instance->last_failure[0] = '\0';
    if (was_down) {
        pace_restart(core, i);
    }
    if (was_away) {
        send_mark_catching_up(core, i);
    }
    core_line(core, LOG_INFO, "instance_up", "target", instance->name, NULL);
    if (MUTANT(core, MUTANT_DROP_QUEUE)) {
        writes_drop_backlog(core, i);
    }
    reads_unpark_all(core);
}

void health_marked(struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    if (instance->state != INSTANCE_UP || !instance->healthy) {
        came_up(core, i);
    }
}

static void probe_answered(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    instance->failures = 0;
    instance->successes++;
    if (instance->forced == FORCED_DOWN) {
        instance->successes = 0;
        return;
    }
    bool enough = instance->healthy || instance->forced == FORCED_UP || !instance->probed ||
                  instance->successes >= checks_needed(core, instance);
    if (!enough || core->refused || mutant_ignores_return(core, i)) {
        return;
    }
    if (instance->mark.stage == MARK_UNREAD) {
        mark_check(core, i);
    } else if (instance->mark.stage == MARK_READ) {
        health_marked(core, i);
    }
}

/* Forced up: whatever the probes say, it may be written to as soon as it is known to be the one we left. */
static void look_at_mark(struct core *core, unsigned i)
{
    if (core->instances[i].mark.stage == MARK_UNREAD && core->instances[i].mark.call == 0 && !core->refused) {
        mark_check(core, i);
    }
}

static void probe_failed(struct core *core, unsigned i, const char *why)
{
    struct instance *instance = &core->instances[i];
    instance->successes = 0;
    instance->failures++;
    note_failure(instance, why);
    if (instance->forced == FORCED_UP) {
        look_at_mark(core, i);
        return;
    }
    if (instance->mark.stage != MARK_READ) {
        health_evidence(core, i, why);
    }
    if (instance->failures < core->settings.failure_threshold || instance->state == INSTANCE_DOWN) {
        return;
    }
    instance->state = INSTANCE_DOWN;
    instance->healthy = false;
    instance->probed = true;
    instance->trouble = "down";
    mark_forget(core, i);
    core_line(core, LOG_WARN, "instance_down", "target", instance->name, "why", why, NULL);
    health_ask_elsewhere(core, i);
    reads_unpark_all(core);
}

void health_mark_failed(struct core *core, unsigned i)
{
    if (core->instances[i].forced == FORCED_UP) {
        return; /* read again after the next probe */
    }
    probe_failed(core, i, "its mark cannot be read");
}

static bool is_listing(const struct core_event *event)
{
    const struct http_head *head = event->u.call_end.head;
    if (event->u.call_end.outcome != CALL_ANSWERED || head == NULL || head->status != 200) {
        return false;
    }
    struct str body = str_trim(block_str(event->u.call_end.body));
    struct json_scan scan;
    return body.size > 0 && body.data[0] == '[' && json_scan(body, &scan) == 0;
}

void health_probe_end(struct core *core, struct call *call, const struct core_event *event)
{
    struct instance *instance = &core->instances[call->instance];
    instance->probe_call = 0;
    instance->last_check_ms = core->wall_ms;
    if (is_listing(event)) {
        probe_answered(core, call->instance);
    } else {
        bool answered = event->u.call_end.outcome == CALL_ANSWERED;
        const char *why = answered ? "bad answer" : call->timed_out ? "timeout" : event->u.call_end.detail;
        if (!answered && !call->timed_out) {
            if (event->u.call_end.outcome == CALL_REFUSED) {
                mark_refused(core, call->instance);
            }
            mark_forget(core, call->instance);
        }
        probe_failed(core, call->instance, why);
    }
    next_probe(core, call->instance);
}

void health_evidence(struct core *core, unsigned i, const char *why)
{
    struct instance *instance = &core->instances[i];
    if (instance->state != INSTANCE_UP) {
        return;
    }
    if (instance->forced == FORCED_UP) {
        if (instance->mark.stage != MARK_READ && instance->failures == 0) { /* news: read again soon */
            timer_set(core, &instance->probe_timer, core->now_ns + PROBE_SOON_NS);
            health_ask_elsewhere(core, i);
        }
        return;
    }
    instance->state = INSTANCE_SUSPECT;
    note_failure(instance, why);
    instance->trouble = "a request failed; waiting for a probe to be answered";
    core_line(core, LOG_WARN, "instance_suspect", "target", instance->name, "why", why, NULL);
    timer_set(core, &instance->probe_timer, core->now_ns + PROBE_SOON_NS);
    health_ask_elsewhere(core, i);
}

void health_lost(struct core *core, unsigned i, const char *why)
{
    mark_forget(core, i);
    health_evidence(core, i, why);
}

/* At the first contact of this process the whole start is refused; later only the instance. */
void health_foreign(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    mark_forget(core, i);
    if (!instance->probed && !core->stopped) {
        core->refused = true;
        core->stopped = true;
        (void)core_push(core, CORE_ACT_STOPPED);
        return;
    }
    instance->state = INSTANCE_DOWN;
    instance->healthy = false;
    instance->trouble = "belongs to another log; ADOPT takes it over";
    instance->last_failure[0] = '\0';
    health_ask_elsewhere(core, i);
}

void health_pause(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    instance->state = INSTANCE_PAUSED;
    instance->trouble = "refuses our credentials";
    core_line(core, LOG_ERROR, "instance_paused", "target", instance->name, "why", "credentials", NULL);
    health_ask_elsewhere(core, i);
}

void health_backoff(struct core *core, unsigned i, uint64_t at_least_ns)
{
    struct instance *instance = &core->instances[i];
    uint64_t wait_ns = health_jitter(core, BACKOFF_BASE_NS, BACKOFF_CAP_NS, instance->backoff_steps);
    instance->backoff_ns = core->now_ns + (wait_ns > at_least_ns ? wait_ns : at_least_ns);
    instance->backoff_steps++;
    timer_set(core, &instance->backoff_timer, instance->backoff_ns);
    health_ask_elsewhere(core, i);
}

void health_success(struct core *core, unsigned i)
{
    core->instances[i].backoff_steps = 0;
}

static void force_down(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    instance->state = INSTANCE_DOWN;
    instance->healthy = false;
    instance->probed = true;
    instance->trouble = "called down by an operator";
    mark_forget(core, i);
    health_ask_elsewhere(core, i);
    reads_unpark_all(core);
}

static void force_up(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    if (instance->state == INSTANCE_UP) {
        look_at_mark(core, i);
    } else if (instance->mark.stage == MARK_READ) {
        health_marked(core, i);
    } else {
        look_at_mark(core, i);
    }
}

void health_force(struct core *core, unsigned i, enum forced forced)
{
    struct instance *instance = &core->instances[i];
    instance->forced = (uint8_t)forced;
    core_line(core, LOG_WARN, "instance_forced", "target", instance->name, "state",
              forced == FORCED_AUTO ? "auto" : health_forced_name(core, i), NULL);
    if (forced == FORCED_DOWN) {
        force_down(core, i);
        return;
    }
    if (instance->state == INSTANCE_DOWN) {
        instance->trouble = "down";
    }
    if (forced == FORCED_UP && core->started) {
        force_up(core, i);
    }
    health_probe(core, i);
}

const char *health_forced_name(const struct core *core, unsigned i)
{
    switch ((enum forced)core->instances[i].forced) {
        case FORCED_UP:
            return "up";
        case FORCED_DOWN:
            return "down";
        case FORCED_AUTO:
            break;
    }
    return NULL;
}

bool health_can_ask(const struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    bool known = instance->forced != FORCED_UP || instance->mark.stage == MARK_READ;
    return i < core->instance_count && instance->state == INSTANCE_UP && known &&
           instance->backoff_ns <= core->now_ns;
}

bool health_can_send(const struct core *core, unsigned i)
{
    return health_can_ask(core, i) && core->instances[i].mark.stage == MARK_READ;
}

bool health_can_read(const struct core *core, unsigned i)
{
    return i < core->instance_count && core->instances[i].state == INSTANCE_UP;
}

const char *health_state_name(const struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    switch (instance->state) {
        case INSTANCE_UP:
            return instance->pending > 0 ? "catching_up" : "up";
        case INSTANCE_SUSPECT:
            return "suspect";
        case INSTANCE_DOWN:
            return "down";
        case INSTANCE_PAUSED:
            return "paused";
    }
    return "unknown";
}
