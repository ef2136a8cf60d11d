/* What the active faults decide about one request.
 *
 * Delays, slow and recover change the time and add up, whatever else happens.  All other kinds decide
 * the outcome; of several that match, the one added first wins, and only it counts a hit. */
#include "mockchroma/core/machine.h"
#include "base/json_scan.h"
#include "base/units.h"

size_t plan_count_ids(struct str body, bool *known)
{
    struct json_member member;
    size_t at = 0;
    *known = false;
    while (json_scan_next_member(body, &at, &member)) {
        if (str_equal(member.key, STR("ids"))) {
            *known = member.kind == JSON_ARRAY_VALUE;
            return *known ? member.elements : 0;
        }
    }
    return 0;
}

static bool drawn(struct mock *m, struct fault *f, uint64_t conn)
{
    if (f->spec.share >= SHARE_ONE) {
        return true;
    }
    if (f->spec.share_of == 0) {
        return prng_chance(&f->prng, f->spec.share, SHARE_ONE);
    }
    /* The same connection always gets the same answer, however many requests lie between. */
    struct prng own = m->root;
    own.s[0] ^= f->id * UINT64_C(0x9E3779B97F4A7C15);
    own.s[1] ^= conn * UINT64_C(0xD1B54A32D192ED03);
    (void)prng_next(&own);
    (void)prng_next(&own);
    return prng_chance(&own, f->spec.share, SHARE_ONE);
}

/* Counts the match and tells whether the fault acts on this request. */
static bool acts(struct mock *m, struct fault *f, const struct fault_subject *subject)
{
    if (fault_kind_refuses(f->spec.kind) || !fault_matches(&f->spec, subject)) {
        return false;
    }
    f->seen++;
    if (f->seen <= f->spec.after || (f->spec.times > 0 && f->hits >= f->spec.times)) {
        return false;
    }
    return (f->seen - f->spec.after) % f->spec.every == 0 && drawn(m, f, subject->conn);
}

static bool always_up(enum chroma_op op)
{
    return op == OP_VERSION || op == OP_HEARTBEAT || op == OP_ROOT || op == OP_HEALTHCHECK ||
           op == OP_PREFLIGHT || op == OP_IDENTITY;
}

static bool over_the_cliff(struct mock *m, struct fault *f)
{
    if (m->now_ns < f->collapsed_until_ns) {
        return true;
    }
    if (m->now_ns - f->window_ns >= NS_PER_S) {
        f->window_ns = m->now_ns;
        f->window_count = 0;
    }
    if (++f->window_count <= f->spec.limit) {
        return false;
    }
    f->collapsed_until_ns = m->now_ns + f->spec.collapse_ns;
    return true;
}

uint64_t plan_work_ns(const struct mock *m, uint64_t ns)
{
    return m->time_scale == 1 ? ns : (uint64_t)((double)ns * m->time_scale);
}

static uint64_t spread(const struct mock *m, struct fault *f)
{
    uint64_t ns = f->spec.by_ns;
    ns += f->spec.spread_ns > 0 ? prng_exponential(&f->prng, f->spec.spread_ns) : 0;
    return plan_work_ns(m, ns);
}

/* True: the ramp of errors takes this write. */
static bool recover(struct mock *m, struct fault *f, const struct fault_subject *s, struct plan *plan)
{
    if (always_up(s->op)) {
        return false;
    }
    uint64_t elapsed = m->now_ns - f->start_ns;
    uint64_t capacity = fault_ramp_at(&f->spec.capacity, elapsed, SHARE_ONE);
    uint64_t added = plan_work_ns(m, fault_ramp_at(&f->spec.latency, elapsed, 0));
    uint64_t errors = fault_ramp_at(&f->spec.errors, elapsed, 0);
    plan->capacity = capacity < plan->capacity ? capacity : plan->capacity;
    plan->before_apply_ns += added;
    return chroma_op_is_write(s->op) && errors > 0 && prng_chance(&f->prng, errors, SHARE_ONE);
}

static void take(struct plan *plan, struct fault *f)
{
    plan->named = plan->named == NULL || plan->decider == NULL ? f : plan->named;
    f->hits++;
}

static void consider(struct mock *m, struct fault *f, const struct fault_subject *s, struct plan *plan)
{
    enum fault_kind kind = f->spec.kind;
    if (kind == FAULT_DELAY) {
        uint64_t by = spread(m, f);
        plan->before_apply_ns += f->spec.before == 0 ? by : 0;
        plan->before_answer_ns += f->spec.before == 1 ? by : 0;
    } else if (kind == FAULT_SLOW) {
        plan->rate = plan->rate == 0 || f->spec.rate < plan->rate ? f->spec.rate : plan->rate;
    } else if (kind == FAULT_RECOVER && !recover(m, f, s, plan)) {
        if (plan->capacity < SHARE_ONE || plan->before_apply_ns > 0) {
            f->hits++;
        }
        return;
    } else if (plan->decider != NULL || (kind == FAULT_CLIFF && !over_the_cliff(m, f))) {
        return;
    } else {
        plan->decider = f;
        plan->named = f;
        plan->apply_first =
            f->spec.kind == FAULT_RESPOND && prng_chance(&f->prng, f->spec.apply_first, SHARE_ONE);
        f->hits++;
        return;
    }
    take(plan, f);
}

void plan_make(struct mock *m, const struct fault_subject *subject, struct plan *plan)
{
    *plan = (struct plan){ .capacity = SHARE_ONE };
    struct fault *f;
    TAILQ_FOREACH (f, &m->active, in_active) {
        if (acts(m, f, subject)) {
            consider(m, f, subject, plan);
        }
    }
}
