/* Judging an expression over a run: which window it speaks of, and what its samples say.
 *
 * Windows (docs/scenarios.md has the table): "during P" is [P.start, P.end); everything else is closed at
 * both ends: "after M" [M, end of the run], "within D after M" [M, M+D], no window at all the whole run.
 *
 *   always C (or C alone)   every sample of the window at which C is known is true
 *   never C [for D]         no sample is true; with "for", no unbroken stretch of D is
 *   eventually C [for D]    some sample is true; with "for", a stretch that begins in the window lasts D
 *
 * A sample at which C cannot be known (no answer from /status) neither fulfils nor violates, and breaks a
 * stretch.  UNKNOWN, which is never green: a mark that was not reached, a window without a known sample, a
 * window that reaches past the end of the run while nothing has been decided before. */
#include "harness/scenario/expression_tree.h"

#include "base/units.h"
#include <stdio.h>

struct window {
    int64_t from;
    int64_t to;
    bool open_end; /* a sample exactly at `to` is outside */
    bool cut;      /* the run ended before the window did */
};

static void time_format(int64_t ns, char *out, size_t size)
{
    if (ns < 0) {
        out[0] = '-';
        units_format_duration((uint64_t)-ns, out + 1, size - 1);
        return;
    }
    units_format_duration((uint64_t)(ns >= 1000000 ? ns - ns % 1000000 : ns), out, size);
}

static int64_t add_clipped(int64_t a, int64_t b)
{
    int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b > 0 ? INT64_MAX : INT64_MIN;
    }
    return sum;
}

/* False: the mark was not reached; out->saw tells which. */
static bool mark_time(const struct expression_mark *mark, bool end, const struct expression_world *world,
                      int64_t *at, struct expression_result *out)
{
    if (world->phase_time == NULL || !world->phase_time(world->context, mark->phase, end, at)) {
        (void)snprintf(out->saw, sizeof(out->saw), "the run never reached the %s of phase %.*s",
                       end ? "end" : "start", (int)strcspn(mark->name, "."), mark->name);
        return false;
    }
    *at = add_clipped(*at, mark->offset_ns);
    return true;
}

static bool window_find(const struct expression *e, const struct expression_world *world, struct window *w,
                        struct expression_result *out)
{
    *w = (struct window){ .from = world->begin_ns, .to = world->end_ns };
    if (e->has_during) {
        if (!mark_time(&e->during, false, world, &w->from, out)) {
            return false;
        }
        struct expression_result ignored;
        w->open_end = mark_time(&e->during, true, world, &w->to, &ignored);
        w->to = w->open_end ? w->to : world->end_ns;
    } else if (e->has_after && !mark_time(&e->after, e->after.end, world, &w->from, out)) {
        return false;
    }
    if (e->has_within) {
        int64_t limit = add_clipped(w->from, e->within_ns);
        w->open_end = w->open_end && limit >= w->to;
        w->to = e->has_during && w->to < limit ? w->to : limit;
    }
    if (w->to > world->end_ns) {
        w->to = world->end_ns;
        w->cut = true;
    }
    return true;
}

static bool in_window(const struct window *w, int64_t at)
{
    return at >= w->from && (w->open_end ? at < w->to : at <= w->to);
}

/* First sample at or after a time. */
static size_t sample_from(const struct expression_world *world, int64_t at)
{
    size_t low = 0;
    size_t high = world->sample_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (world->sample_time(world->context, middle) < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What the samples of a window say about a condition. */
struct findings {
    size_t known;      /* samples at which it could be told */
    size_t seen;       /* samples in the window */
    size_t true_first; /* NO_SAMPLE: none */
    size_t false_first;
    size_t last;
    int64_t stretch;  /* longest unbroken truth, as far as needed */
    size_t held_from; /* with hold: first sample of a stretch that lasted */
};

/* Follows stretches of truth; notes the first that lasts hold_ns. */
struct stretch {
    size_t start; /* NO_SAMPLE: not in one */
    int64_t start_ns;
};

static void stretch_step(struct stretch *s, struct findings *f, bool truth, size_t sample, int64_t at,
                         bool may_begin, int64_t hold_ns)
{
    if (!truth) {
        s->start = NO_SAMPLE;
        return;
    }
    if (s->start == NO_SAMPLE) {
        if (!may_begin) {
            return;
        }
        s->start = sample;
        s->start_ns = at;
    }
    if (at - s->start_ns > f->stretch) {
        f->stretch = at - s->start_ns;
    }
    if (at - s->start_ns >= hold_ns && f->held_from == NO_SAMPLE) {
        f->held_from = s->start;
    }
}

static struct findings look(const struct expression *e, struct evaluation *ev, const struct window *w)
{
    const struct expression_world *world = ev->world;
    struct findings f = {
        .true_first = NO_SAMPLE, .false_first = NO_SAMPLE, .last = NO_SAMPLE, .held_from = NO_SAMPLE
    };
    struct stretch stretch = { .start = NO_SAMPLE };
    /* A stretch of "eventually" may end after the window in which it has to begin. */
    bool beyond = e->has_hold && e->temporal == TEMPORAL_EVENTUALLY;
    for (size_t i = sample_from(world, w->from); i < world->sample_count; i++) {
        int64_t at = world->sample_time(world->context, i);
        bool inside = in_window(w, at);
        if (!inside && (!beyond || stretch.start == NO_SAMPLE)) {
            break;
        }
        enum expression_verdict v = node_truth(e->condition, ev, i);
        if (inside) {
            f.seen++;
            f.known += v != EXPRESSION_UNKNOWN;
            f.last = i;
        }
        if (v == EXPRESSION_TRUE && inside && f.true_first == NO_SAMPLE) {
            f.true_first = i;
        }
        if (v == EXPRESSION_FALSE && inside && f.false_first == NO_SAMPLE) {
            f.false_first = i;
        }
        stretch_step(&stretch, &f, v == EXPRESSION_TRUE, i, at, inside, e->hold_ns);
    }
    return f;
}

/* --- words ---------------------------------------------------------------------------------------- */

static void describe_expected(const struct expression *e, const struct window *w,
                              struct expression_result *out)
{
    static const char *const words[] = { "", "always ", "never ", "eventually " };
    char from[40];
    char to[40];
    char hold[40] = "";
    time_format(w->from, from, sizeof(from));
    time_format(w->to, to, sizeof(to));
    if (e->has_hold) {
        char length[32];
        time_format(e->hold_ns, length, sizeof(length));
        (void)snprintf(hold, sizeof(hold), " for %s", length);
    }
    (void)snprintf(out->expected, sizeof(out->expected), "%s%.*s%s, from %s to %s", words[e->temporal],
                   (int)(e->condition_width > 90 ? 90 : e->condition_width), e->text + e->condition_column,
                   hold, from, to);
}

/* "wal.pending_writes = 12 at 3m2s" */
static void describe_sample(const struct expression *e, struct evaluation *ev, size_t sample,
                            struct expression_result *out)
{
    char values[112] = "";
    char when[40];
    node_describe(e->condition, ev, sample, values, sizeof(values));
    out->at_ns = ev->world->sample_time(ev->world->context, sample);
    time_format(out->at_ns, when, sizeof(when));
    (void)snprintf(out->saw, sizeof(out->saw), "%s at %s", values, when);
}

static const struct node *first_metric(const struct node *node)
{
    if (node == NULL || node->kind == NODE_METRIC) {
        return node;
    }
    const struct node *left = node->kind == NODE_CALL ? NULL : first_metric(node->left);
    return left != NULL || node->kind == NODE_CALL ? left : first_metric(node->right);
}

/* For an "eventually" that never came: between what its first metric moved. */
static void describe_range(const struct expression *e, struct evaluation *ev, const struct window *w,
                           const struct findings *f, struct expression_result *out)
{
    const struct node *metric = first_metric(e->condition);
    if (metric != NULL && metric->unit == UNIT_TEXT) {
        metric = NULL; /* texts do not move between two ends */
    }
    struct value low = { .known = false };
    struct value high = { .known = false };
    for (size_t i = sample_from(ev->world, w->from); metric != NULL && i < ev->world->sample_count; i++) {
        if (!in_window(w, ev->world->sample_time(ev->world->context, i))) {
            break;
        }
        struct value v = node_value(metric, ev, i);
        if (v.known && (!low.known || v.number < low.number)) {
            low = v;
        }
        if (v.known && (!high.known || v.number > high.number)) {
            high = v;
        }
    }
    if (metric == NULL || !low.known) {
        (void)snprintf(out->saw, sizeof(out->saw), "not once in %zu samples", f->known);
        return;
    }
    char a[48];
    char b[48];
    value_format(&low, a, sizeof(a));
    value_format(&high, b, sizeof(b));
    if (low.number == high.number) {
        (void)snprintf(out->saw, sizeof(out->saw), "%s stayed %s in all %zu samples", metric->text, a,
                       f->known);
    } else {
        (void)snprintf(out->saw, sizeof(out->saw), "%s moved between %s and %s in %zu samples", metric->text,
                       a, b, f->known);
    }
}

static void describe_nothing(const struct window *w, const struct findings *f, struct expression_result *out)
{
    char from[40];
    char to[40];
    time_format(w->from, from, sizeof(from));
    time_format(w->to, to, sizeof(to));
    if (w->to < w->from) {
        (void)snprintf(out->saw, sizeof(out->saw), "the run ended at %s, before the window began at %s", to,
                       from);
    } else if (f->seen > 0) {
        (void)snprintf(out->saw, sizeof(out->saw),
                       "nothing: none of the %zu samples from %s to %s could tell", f->seen, from, to);
    } else {
        (void)snprintf(out->saw, sizeof(out->saw), "nothing: no sample from %s to %s", from, to);
    }
}

static void describe_cut(struct window const *w, struct expression_result *out)
{
    char end[40];
    time_format(w->to, end, sizeof(end));
    (void)snprintf(out->saw, sizeof(out->saw), "undecided: the run ended at %s, before the window did", end);
}

/* --- verdicts --------------------------------------------------------------------------------------- */

static void judge_eventually(const struct expression *e, struct evaluation *ev, const struct window *w,
                             const struct findings *f, struct expression_result *out)
{
    size_t fulfilled = e->has_hold ? f->held_from : f->true_first;
    if (fulfilled != NO_SAMPLE) {
        out->verdict = EXPRESSION_TRUE;
        describe_sample(e, ev, fulfilled, out);
    } else if (f->known == 0) {
        describe_nothing(w, f, out);
    } else if (w->cut) {
        describe_cut(w, out);
    } else {
        out->verdict = EXPRESSION_FALSE;
        if (e->has_hold && f->true_first != NO_SAMPLE) {
            char length[40];
            time_format(f->stretch, length, sizeof(length));
            (void)snprintf(out->saw, sizeof(out->saw), "it held for %s at the longest", length);
        } else {
            describe_range(e, ev, w, f, out);
        }
    }
}

static void judge_always(const struct expression *e, struct evaluation *ev, const struct window *w,
                         const struct findings *f, struct expression_result *out)
{
    size_t violated = f->false_first;
    if (e->temporal == TEMPORAL_NEVER) {
        violated = e->has_hold ? f->held_from : f->true_first;
    }
    if (violated != NO_SAMPLE) {
        out->verdict = EXPRESSION_FALSE;
        describe_sample(e, ev, violated, out);
    } else if (f->known == 0) {
        describe_nothing(w, f, out);
    } else if (w->cut) {
        describe_cut(w, out);
    } else {
        out->verdict = EXPRESSION_TRUE;
        describe_range(e, ev, w, f, out);
    }
}

/* No samples in it: functions of loads, or a step's answer. */
static void judge_once(const struct expression *e, struct evaluation *ev, const struct window *w,
                       struct expression_result *out)
{
    node_describe(e->condition, ev, NO_SAMPLE, out->saw, sizeof(out->saw));
    if (w->cut && w->to < w->from) {
        struct findings none = { 0 };
        describe_nothing(w, &none, out);
        return;
    }
    out->verdict = node_truth(e->condition, ev, NO_SAMPLE);
    if (e->temporal == TEMPORAL_NEVER && out->verdict != EXPRESSION_UNKNOWN) {
        out->verdict = out->verdict == EXPRESSION_TRUE ? EXPRESSION_FALSE : EXPRESSION_TRUE;
    }
    if (w->cut && out->verdict == EXPRESSION_TRUE && e->temporal != TEMPORAL_EVENTUALLY) {
        out->verdict = EXPRESSION_UNKNOWN;
        describe_cut(w, out);
    }
}

void expression_evaluate(const struct expression *e, const struct expression_world *world,
                         struct expression_result *out)
{
    *out = (struct expression_result){ .verdict = EXPRESSION_UNKNOWN, .at_ns = INT64_MIN };
    struct window w;
    if (!window_find(e, world, &w, out)) {
        (void)snprintf(out->expected, sizeof(out->expected), "%.150s", e->text);
        return;
    }
    if (world->step_outcome != NULL) {
        (void)snprintf(out->expected, sizeof(out->expected), "%.150s", e->text);
    } else {
        describe_expected(e, &w, out);
    }
    struct evaluation ev;
    evaluation_init(&ev, e, world, w.from, w.to);
    ev.open_end = w.open_end;
    if (!node_samples(e->condition)) {
        judge_once(e, &ev, &w, out);
    } else {
        struct findings f = look(e, &ev, &w);
        if (e->temporal == TEMPORAL_EVENTUALLY) {
            judge_eventually(e, &ev, &w, &f, out);
        } else {
            judge_always(e, &ev, &w, &f, out);
        }
    }
    evaluation_deinit(&ev);
}

void expression_evaluate_now(const struct expression *e, const struct expression_world *world,
                             struct expression_result *out)
{
    *out = (struct expression_result){ .verdict = EXPRESSION_UNKNOWN, .at_ns = INT64_MIN };
    struct evaluation ev;
    evaluation_init(&ev, e, world, world->begin_ns, world->end_ns);
    size_t sample = world->sample_count == 0 ? NO_SAMPLE : world->sample_count - 1;
    out->verdict = node_truth(e->condition, &ev, sample);
    out->at_ns = sample == NO_SAMPLE ? world->end_ns : world->sample_time(world->context, sample);
    (void)snprintf(out->expected, sizeof(out->expected), "%.150s", e->text);
    node_describe(e->condition, &ev, sample, out->saw, sizeof(out->saw));
    evaluation_deinit(&ev);
}

bool expression_now(const struct expression *e, const struct expression_world *world)
{
    struct expression_result result;
    expression_evaluate_now(e, world, &result);
    return result.verdict == EXPRESSION_TRUE;
}

bool expression_capture(const struct expression *e, const struct expression_world *world, char *out,
                        size_t size)
{
    struct evaluation ev;
    evaluation_init(&ev, e, world, world->begin_ns, world->end_ns);
    struct value v = node_value(e->condition, &ev, NO_SAMPLE);
    bool fits = v.known;
    if (v.unit == UNIT_TEXT || v.unit == UNIT_OUTCOME) {
        fits = fits && v.text.size < size;
        if (fits) {
            (void)snprintf(out, size, "%.*s", STR_ARGS(v.text));
        }
    } else if (fits) {
        value_format(&v, out, size);
    }
    evaluation_deinit(&ev);
    return fits;
}
