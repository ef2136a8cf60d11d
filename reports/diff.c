/* See diff.h. */
#include "reports/diff.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "reports/formats.h"
#include "reports/text.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_CHARS 64
#define RANGE_CHARS (2 * VALUE_CHARS + 4)
#define NAME_CHARS  160
#define UNKNOWN     (-1.0)
#define NEVER       ((double)INFINITY) /* later than anything that came to an end */

/* Runs that repeat one another. */
struct side {
    const struct report_source *runs;
    size_t count;
};
struct sides {
    struct side a, b;
};

enum kind { KIND_COUNT, KIND_FAULT, KIND_NEUTRAL, KIND_SECONDS, KIND_MILLIS, KIND_BYTES };

/* What is no difference, whatever the band: /status is asked every second, a scheduler takes a millisecond.
 */
static const struct {
    double floor;
    bool exact; /* nothing is noise */
    bool judged;
} kinds[] = {
    [KIND_COUNT] = { 2, false, true },    [KIND_FAULT] = { 0, true, true },
    [KIND_NEUTRAL] = { 2, false, false }, [KIND_SECONDS] = { 1, false, true },
    [KIND_MILLIS] = { 1, false, true },   [KIND_BYTES] = { 1048576, false, true },
};

/* --- rows ------------------------------------------------------------------------------------------------
 */

/* What the runs of a side reached, as a person reads it. */
static char *range_words(const char *low, const char *high)
{
    char text[RANGE_CHARS];
    bool one = strcmp(low, high) == 0;
    (void)snprintf(text, sizeof(text), "%s%s%s", low, one ? "" : " .. ", one ? "" : high);
    return mem_strdup(text);
}

/* Takes a and b over. */
static void add(struct diff *d, const char *name, char *a, char *b, enum diff_change change)
{
    d->rows = mem_realloc(d->rows, (d->count + 1) * sizeof(*d->rows));
    d->rows[d->count++] = (struct diff_row){ mem_strdup(name), a, b, change };
    d->worse += change == DIFF_WORSE;
    d->better += change == DIFF_BETTER;
    d->same += change == DIFF_SAME;
    d->other += change == DIFF_OTHER;
}

/* --- verdict and checks ----------------------------------------------------------------------------------
 */

/* What has an order and no noise, of the runs of a side. */
struct steps {
    unsigned seen; /* a bit for each there was */
    unsigned low, high;
};

static void step_add(struct steps *steps, unsigned step)
{
    steps->low = steps->seen == 0 || step < steps->low ? step : steps->low;
    steps->high = step > steps->high ? step : steps->high;
    steps->seen |= 1U << step;
}

static struct steps verdicts_of(const struct side *side)
{
    struct steps all = { 0 };
    for (size_t i = 0; i < side->count; i++) {
        step_add(&all, side->runs[i].results.verdict); /* in the order of their exit status */
    }
    return all;
}

/* Worse than the worst there was; better, all of them, than the best. */
static enum diff_change verdict_change(struct steps a, struct steps b)
{
    return b.high > a.high           ? DIFF_WORSE
           : b.high < a.low          ? DIFF_BETTER
           : (b.seen & ~a.seen) == 0 ? DIFF_SAME
                                     : DIFF_OTHER;
}

static void add_verdict(struct diff *d, const struct sides *s)
{
    struct steps a = verdicts_of(&s->a);
    struct steps b = verdicts_of(&s->b);
    add(d, "verdict", range_words(verdict_name((enum verdict)a.low), verdict_name((enum verdict)a.high)),
        range_words(verdict_name((enum verdict)b.low), verdict_name((enum verdict)b.high)),
        verdict_change(a, b));
}

enum state { STATE_ABSENT, STATE_SKIPPED, STATE_HELD, STATE_FAILED };
static const char *const state_names[] = { "-", "skipped", "held", "FAILED" };

static enum state state_of(const struct assertion_result *a)
{
    return a == NULL           ? STATE_ABSENT
           : a->skipped        ? STATE_SKIPPED
           : !report_failed(a) ? STATE_HELD
                               : STATE_FAILED;
}

/* The same check of another run: checks of one name are told apart by their order. */
static const struct assertion_result *twin(const struct results *r, const struct results *of, size_t index)
{
    const struct assertion_result *wanted = &of->assertions[index];
    size_t skip = 0;
    for (size_t i = 0; i < index; i++) {
        skip += of->assertions[i].kind == wanted->kind && strcmp(of->assertions[i].name, wanted->name) == 0;
    }
    for (size_t i = 0; i < r->assertion_count; i++) {
        if (r->assertions[i].kind == wanted->kind && strcmp(r->assertions[i].name, wanted->name) == 0 &&
            skip-- == 0) {
            return &r->assertions[i];
        }
    }
    return NULL;
}

/* A check that fails is worse when it never failed before, one that always holds is better when it never
 * did. */
static enum diff_change check_change(unsigned a, unsigned b)
{
    unsigned failed = 1U << STATE_FAILED;
    if ((b & failed) != 0 && (a & failed) == 0) {
        return DIFF_WORSE;
    }
    if (b == 1U << STATE_HELD && a == failed) {
        return DIFF_BETTER; /* what is not looked at has not got better */
    }
    return (b & ~a) == 0 ? DIFF_SAME : DIFF_OTHER;
}

static struct steps checks_of(const struct side *side, const struct results *of, size_t index)
{
    struct steps all = { 0 };
    for (size_t i = 0; i < side->count; i++) {
        step_add(&all, state_of(twin(&side->runs[i].results, of, index)));
    }
    return all;
}

/* Check number index of that run, beside its twins in the others. */
static void add_check(struct diff *d, const struct sides *s, const struct results *of, size_t index)
{
    char name[NAME_CHARS];
    struct steps a = checks_of(&s->a, of, index);
    struct steps b = checks_of(&s->b, of, index);
    (void)snprintf(name, sizeof(name), "%s: %s", report_kind_name(of->assertions[index].kind),
                   of->assertions[index].name);
    add(d, name, range_words(state_names[a.low], state_names[a.high]),
        range_words(state_names[b.low], state_names[b.high]), check_change(a.seen, b.seen));
}

/* Both sides' runs, those before first. */
static const struct results *run_of(const struct sides *s, size_t index)
{
    return index < s->a.count ? &s->a.runs[index].results : &s->b.runs[index - s->a.count].results;
}

static bool was_added(const struct sides *s, size_t runs, const struct results *of, size_t index)
{
    for (size_t i = 0; i < runs; i++) {
        if (twin(run_of(s, i), of, index) != NULL) {
            return true;
        }
    }
    return false;
}

static void add_checks(struct diff *d, const struct sides *s)
{
    for (size_t i = 0; i < s->a.count + s->b.count; i++) {
        const struct results *r = run_of(s, i);
        for (size_t k = 0; k < r->assertion_count; k++) {
            if (!was_added(s, i, r, k)) {
                add_check(d, s, r, k);
            }
        }
    }
}

/* --- figures ---------------------------------------------------------------------------------------------
 */

/* A figure of a run; UNKNOWN, NEVER. */
typedef double figure_of(const struct report_source *run, unsigned which);

/* What the runs of a side reached; UNKNOWN when none of them knows. */
struct spread {
    double low, median, high;
};

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(const struct side *side, figure_of *get, unsigned which)
{
    struct spread all = { UNKNOWN, UNKNOWN, UNKNOWN };
    double *values = mem_alloc_array(side->count, sizeof(*values));
    size_t count = 0;
    for (size_t i = 0; i < side->count; i++) {
        double value = get(&side->runs[i], which);
        if (value >= 0) {
            values[count++] = value;
        }
    }
    if (count > 0) {
        qsort(values, count, sizeof(*values), rising);
        all = (struct spread){ values[0], (values[(count - 1) / 2] + values[count / 2]) / 2,
                               values[count - 1] };
    }
    mem_free(values);
    return all;
}

static void show(double value, enum kind kind, char out[VALUE_CHARS])
{
    char text[TEXT_TIME_SIZE];
    if (value < 0) {
        (void)snprintf(out, VALUE_CHARS, "-");
    } else if (isinf(value)) {
        (void)snprintf(out, VALUE_CHARS, "never");
    } else if (kind == KIND_SECONDS) {
        text_time((int64_t)(value * (double)NS_PER_S), text);
        (void)snprintf(out, VALUE_CHARS, "%s", text);
    } else if (kind == KIND_MILLIS) {
        (void)snprintf(out, VALUE_CHARS, "%.*f ms", value < 1000 ? 2 : 0, value);
    } else if (kind == KIND_BYTES) {
        (void)snprintf(out, VALUE_CHARS, "%.1f MiB", value / 1048576);
    } else {
        (void)snprintf(out, VALUE_CHARS, "%.0f", value);
    }
}

static double room(const struct diff *d, double around, enum kind kind)
{
    return kinds[kind].exact || isinf(around) ? 0 : fmax(d->band * around, kinds[kind].floor);
}

/* Of several runs after, the middle one stands for all; of what has no noise, the worst. */
static enum diff_change judge(const struct diff *d, struct spread a, struct spread b, enum kind kind)
{
    double after = kinds[kind].exact ? b.high : b.median;
    if (a.low < 0 || after < 0) {
        return DIFF_OTHER; /* known on one side only */
    }
    bool above = after > a.high && after - a.high > room(d, a.high, kind);
    bool below = after < a.low && a.low - after > room(d, a.low, kind);
    if (!above && !below) {
        return DIFF_SAME;
    }
    return !kinds[kind].judged ? DIFF_OTHER : above ? DIFF_WORSE : DIFF_BETTER;
}

static bool is_told(double value)
{
    return value >= 0 && !isinf(value);
}

static char *spread_words(struct spread all, enum kind kind)
{
    char low[VALUE_CHARS];
    char high[VALUE_CHARS];
    show(all.low, kind, low);
    show(all.high, kind, high);
    return range_words(low, high);
}

/* No row when no run has anything to tell. */
static void compare(struct diff *d, const struct sides *s, const char *name, enum kind kind, figure_of *get,
                    unsigned which)
{
    struct spread a = spread_of(&s->a, get, which);
    struct spread b = spread_of(&s->b, get, which);
    if (is_told(a.low) || is_told(b.low)) {
        add(d, name, spread_words(a, kind), spread_words(b, kind), judge(d, a, b, kind));
    }
}

enum figure {
    WRITES_OFFERED,
    WRITES_QUEUED,
    WRITES_UNSERVED,
    READS_OFFERED,
    READS_UNSERVED,
    MOST_PENDING,
    OLDEST_PENDING,
    MOST_MEMORY,
    LARGEST_LOG,
    MOST_RESIDENT,
    REPLAYED,
    FAILED_REPLAYS,
    DEAD_LETTERS,
    LOST,
    DETECTED,
    HEALTHY,
    DRAINED,
    FIGURES
};
static const struct {
    const char *name;
    enum kind kind;
} figure_rows[] = {
    [WRITES_OFFERED] = { "writes offered", KIND_NEUTRAL },
    [WRITES_QUEUED] = { "writes queued", KIND_NEUTRAL },
    [WRITES_UNSERVED] = { "writes not accepted", KIND_COUNT },
    [READS_OFFERED] = { "reads offered", KIND_NEUTRAL },
    [READS_UNSERVED] = { "reads not answered", KIND_COUNT },
    [MOST_PENDING] = { "most pending writes", KIND_COUNT },
    [OLDEST_PENDING] = { "oldest pending write", KIND_SECONDS },
    [MOST_MEMORY] = { "most memory of the log", KIND_BYTES },
    [LARGEST_LOG] = { "largest log", KIND_BYTES },
    [MOST_RESIDENT] = { "most resident memory", KIND_BYTES },
    [REPLAYED] = { "replayed", KIND_NEUTRAL },
    [FAILED_REPLAYS] = { "failed replays", KIND_FAULT },
    [DEAD_LETTERS] = { "dead letters", KIND_FAULT },
    [LOST] = { "lost with memory", KIND_FAULT },
    [DETECTED] = { "primary called down after", KIND_SECONDS },
    [HEALTHY] = { "healthy again after the last fault", KIND_SECONDS },
    [DRAINED] = { "nothing pending after the last fault", KIND_SECONDS },
};

static double unserved(uint64_t offered, uint64_t accepted)
{
    return offered > accepted ? (double)(offered - accepted) : 0;
}

/* Recovery that came to an end in one run and not in another is better there, not unknown. */
static double recovery(int64_t ns)
{
    return ns == HISTORY_NEVER ? NEVER : (double)ns / (double)NS_PER_S;
}

static double take_figure(const struct report_source *run, unsigned which)
{
    const struct results *r = &run->results;
    const struct figures *f = &run->figures;
    switch ((enum figure)which) {
        case WRITES_OFFERED:
            return (double)r->writes_offered;
        case WRITES_QUEUED:
            return (double)r->writes_queued;
        case WRITES_UNSERVED:
            return unserved(r->writes_offered, r->writes_accepted);
        case READS_OFFERED:
            return (double)r->reads_offered;
        case READS_UNSERVED:
            return unserved(r->reads_offered, r->reads_ok);
        case MOST_PENDING:
            return f->peak_pending;
        case OLDEST_PENDING:
            return f->peak_oldest_s;
        case MOST_MEMORY:
            return f->peak_memory_bytes;
        case LARGEST_LOG:
            return f->peak_wal_bytes;
        case MOST_RESIDENT:
            return f->peak_rss_bytes;
        case REPLAYED:
            return f->replayed;
        case FAILED_REPLAYS:
            return f->failed_replays;
        case DEAD_LETTERS:
            return f->dead_letters;
        case LOST:
            return (double)f->lost_on_crash;
        case DETECTED:
            return recovery(f->recovery.detected_ns);
        case HEALTHY:
            return recovery(f->recovery.healthy_ns);
        case DRAINED:
            return recovery(f->recovery.drained_ns);
        case FIGURES:
            break;
    }
    return UNKNOWN;
}

enum percentile { MEDIAN, NINETY, NINETY_NINE, PERCENTILES };
static const char *const percentile_names[] = { "median", "90%", "99%" };

/* which: PERCENTILES for each kind of operation. */
static double take_latency(const struct report_source *run, unsigned which)
{
    const struct figures *f = &run->figures;
    for (size_t i = 0; i < f->kind_count; i++) {
        if (f->kinds[i].op == (enum chroma_op)(which / PERCENTILES)) {
            const struct figures_latency *l = &f->kinds[i].latency;
            const int64_t ns[] = { l->p50_ns, l->p90_ns, l->p99_ns };
            int64_t one_ns = ns[which % PERCENTILES];
            return one_ns == FIGURES_NOTHING ? UNKNOWN : (double)one_ns / (double)NS_PER_MS;
        }
    }
    return UNKNOWN;
}

static void add_figures(struct diff *d, const struct sides *s)
{
    for (unsigned i = 0; i < FIGURES; i++) {
        compare(d, s, figure_rows[i].name, figure_rows[i].kind, take_figure, i);
    }
    for (unsigned i = 0; i < CHROMA_OP_COUNT * PERCENTILES; i++) {
        char name[NAME_CHARS];
        (void)snprintf(name, sizeof(name), "latency of %s, %s",
                       chroma_op_name((enum chroma_op)(i / PERCENTILES)), percentile_names[i % PERCENTILES]);
        compare(d, s, name, KIND_MILLIS, take_latency, i);
    }
}

/* --- the whole -------------------------------------------------------------------------------------------
 */

static bool alike(const char *a, const char *b)
{
    return a == NULL || b == NULL || strcmp(a, b) == 0;
}

bool diff_repeats(const struct report_source *a, const struct report_source *b)
{
    return alike(a->results.scenario, b->results.scenario) && alike(a->results.engine, b->results.engine);
}

void diff_init(struct diff *d, const struct report_source *runs, size_t before, size_t after, double band)
{
    CHECK(before > 0 && after > 0);
    struct sides s = { { runs, before }, { runs + before, after } };
    double unsaid = before == 1 ? DIFF_BAND : 0; /* of several the noise is measured */
    *d = (struct diff){ .band = band < 0 ? unsaid : band, .before = before, .after = after };
    add_verdict(d, &s);
    add_checks(d, &s);
    add_figures(d, &s);
}

void diff_deinit(struct diff *d)
{
    for (size_t i = 0; i < d->count; i++) {
        mem_free(d->rows[i].name);
        mem_free(d->rows[i].a);
        mem_free(d->rows[i].b);
    }
    mem_free(d->rows);
    *d = (struct diff){ 0 };
}
