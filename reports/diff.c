/* See diff.h. */
#include "reports/diff.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "reports/formats.h"
#include "reports/text.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define VALUE_CHARS  64
#define SPREAD_CHARS (2 * VALUE_CHARS + 4)
#define NAME_CHARS   160
#define UNKNOWN      (-1.0)
#define NEVER        ((double)INFINITY) /* later than anything that came to an end */

/* The runs before, which repeat one another, and the one after. */
struct sides {
    const struct report_source *before;
    size_t count;
    const struct report_source *after;
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

/* low, high: of the runs before, as a person reads them. */
static void add(struct diff *d, const char *name, const char *low, const char *high, const char *b,
                enum diff_change change)
{
    char a[SPREAD_CHARS];
    bool one = strcmp(low, high) == 0;
    (void)snprintf(a, sizeof(a), "%s%s%s", low, one ? "" : " .. ", one ? "" : high);
    d->rows = mem_realloc(d->rows, (d->count + 1) * sizeof(*d->rows));
    d->rows[d->count++] = (struct diff_row){ mem_strdup(name), mem_strdup(a), mem_strdup(b), change };
    d->worse += change == DIFF_WORSE;
    d->better += change == DIFF_BETTER;
    d->same += change == DIFF_SAME;
    d->other += change == DIFF_OTHER;
}

/* --- verdict and checks ----------------------------------------------------------------------------------
 */

/* What has an order and no noise: worse than the worst there was, better than the best; seen: a bit for each
 * there was. */
static enum diff_change step(unsigned seen, unsigned low, unsigned high, unsigned b)
{
    return b > high ? DIFF_WORSE : b < low ? DIFF_BETTER : (seen >> b & 1) != 0 ? DIFF_SAME : DIFF_OTHER;
}

static void add_verdict(struct diff *d, const struct sides *s)
{
    enum verdict low = s->before[0].results.verdict; /* in the order of their exit status */
    enum verdict high = low;
    enum verdict b = s->after->results.verdict;
    unsigned seen = 0;
    for (size_t i = 0; i < s->count; i++) {
        enum verdict a = s->before[i].results.verdict;
        seen |= 1U << a;
        low = a < low ? a : low;
        high = a > high ? a : high;
    }
    add(d, "verdict", verdict_name(low), verdict_name(high), verdict_name(b), step(seen, low, high, b));
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

/* A check that fails is worse when it never failed before, one that holds is better when it always did. */
static enum diff_change check_change(unsigned seen, enum state b)
{
    unsigned failed = 1U << STATE_FAILED;
    if (b == STATE_FAILED && (seen & failed) == 0) {
        return DIFF_WORSE;
    }
    if (b == STATE_HELD && seen == failed) {
        return DIFF_BETTER; /* what is not looked at has not got better */
    }
    return (seen >> b & 1) != 0 ? DIFF_SAME : DIFF_OTHER;
}

/* Check number index of that run, beside its twins in the others. */
static void add_check(struct diff *d, const struct sides *s, const struct results *of, size_t index)
{
    char name[NAME_CHARS];
    enum state low = STATE_FAILED;
    enum state high = STATE_ABSENT;
    enum state b = state_of(twin(&s->after->results, of, index));
    unsigned seen = 0;
    for (size_t i = 0; i < s->count; i++) {
        enum state a = state_of(twin(&s->before[i].results, of, index));
        seen |= 1U << a;
        low = a < low ? a : low;
        high = a > high ? a : high;
    }
    (void)snprintf(name, sizeof(name), "%s: %s", report_kind_name(of->assertions[index].kind),
                   of->assertions[index].name);
    add(d, name, state_names[low], state_names[high], state_names[b], check_change(seen, b));
}

static bool was_added(const struct sides *s, size_t runs, const struct results *of, size_t index)
{
    for (size_t i = 0; i < runs; i++) {
        if (twin(&s->before[i].results, of, index) != NULL) {
            return true;
        }
    }
    return false;
}

static void add_checks(struct diff *d, const struct sides *s)
{
    for (size_t i = 0; i <= s->count; i++) {
        const struct results *r = i < s->count ? &s->before[i].results : &s->after->results;
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

/* What the runs before reached; both UNKNOWN when none of them knows. */
struct spread {
    double low, high;
};

static struct spread spread_of(const struct sides *s, figure_of *get, unsigned which)
{
    struct spread all = { UNKNOWN, UNKNOWN };
    for (size_t i = 0; i < s->count; i++) {
        double value = get(&s->before[i], which);
        if (value >= 0) {
            all.low = all.low < 0 || value < all.low ? value : all.low;
            all.high = value > all.high ? value : all.high;
        }
    }
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

static enum diff_change judge(const struct diff *d, struct spread a, double b, enum kind kind)
{
    if (a.low < 0 || b < 0) {
        return DIFF_OTHER; /* known on one side only */
    }
    bool above = b > a.high && b - a.high > room(d, a.high, kind);
    bool below = b < a.low && a.low - b > room(d, a.low, kind);
    if (!above && !below) {
        return DIFF_SAME;
    }
    return !kinds[kind].judged ? DIFF_OTHER : above ? DIFF_WORSE : DIFF_BETTER;
}

static bool is_told(double value)
{
    return value >= 0 && !isinf(value);
}

/* No row when no run has anything to tell. */
static void compare(struct diff *d, const struct sides *s, const char *name, enum kind kind, figure_of *get,
                    unsigned which)
{
    char low[VALUE_CHARS];
    char high[VALUE_CHARS];
    char right[VALUE_CHARS];
    struct spread a = spread_of(s, get, which);
    double b = get(s->after, which);
    if (is_told(a.low) || is_told(b)) {
        show(a.low, kind, low);
        show(a.high, kind, high);
        show(b, kind, right);
        add(d, name, low, high, right, judge(d, a, b, kind));
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

void diff_init(struct diff *d, const struct report_source *runs, size_t count, double band)
{
    CHECK(count >= 2);
    struct sides s = { runs, count - 1, &runs[count - 1] };
    double unsaid = s.count == 1 ? DIFF_BAND : 0; /* of several the noise is measured */
    *d = (struct diff){ .band = band < 0 ? unsaid : band, .before = s.count };
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
