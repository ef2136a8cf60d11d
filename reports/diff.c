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

#define VALUE_CHARS 64
#define NAME_CHARS  160
#define UNKNOWN     (-1.0)

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

static void add(struct diff *d, const char *name, const char *a, const char *b, enum diff_change change)
{
    d->rows = mem_realloc(d->rows, (d->count + 1) * sizeof(*d->rows));
    d->rows[d->count++] = (struct diff_row){ mem_strdup(name), mem_strdup(a), mem_strdup(b), change };
    d->worse += change == DIFF_WORSE;
    d->better += change == DIFF_BETTER;
    d->same += change == DIFF_SAME;
    d->other += change == DIFF_OTHER;
}

static void show(double value, enum kind kind, char out[VALUE_CHARS])
{
    char text[TEXT_TIME_SIZE];
    if (value < 0) {
        (void)snprintf(out, VALUE_CHARS, "-");
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

static enum diff_change judge(const struct diff *d, double a, double b, enum kind kind)
{
    double room = kinds[kind].exact ? 0 : fmax(d->band * a, kinds[kind].floor);
    if (a < 0 || b < 0) { /* known in one only */
        return a < 0 && b < 0 ? DIFF_SAME : DIFF_OTHER;
    }
    if (fabs(b - a) <= room) {
        return DIFF_SAME;
    }
    return !kinds[kind].judged ? DIFF_OTHER : b > a ? DIFF_WORSE : DIFF_BETTER;
}

static void compare(struct diff *d, const char *name, double a, double b, enum kind kind)
{
    char left[VALUE_CHARS];
    char right[VALUE_CHARS];
    show(a, kind, left);
    show(b, kind, right);
    if (a >= 0 || b >= 0) {
        add(d, name, left, right, judge(d, a, b, kind));
    }
}

/* --- verdict and checks ----------------------------------------------------------------------------------
 */

static enum diff_change step(int a, int b)
{
    return a == b ? DIFF_SAME : b > a ? DIFF_WORSE : DIFF_BETTER;
}

static const char *state_of(const struct assertion_result *a)
{
    return a == NULL ? "-" : a->skipped ? "skipped" : a->passed ? "held" : "FAILED";
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

/* One of the two may be NULL. */
static void add_check(struct diff *d, const struct assertion_result *a, const struct assertion_result *b)
{
    char name[NAME_CHARS];
    const struct assertion_result *any = a != NULL ? a : b;
    CHECK(any != NULL);
    bool failed_a = a != NULL && report_failed(a);
    bool failed_b = b != NULL && report_failed(b);
    enum diff_change change = step(failed_a, failed_b);
    if (change == DIFF_SAME && strcmp(state_of(a), state_of(b)) != 0) {
        change = DIFF_OTHER;
    } else if (change == DIFF_BETTER && (b == NULL || b->skipped)) {
        change = DIFF_OTHER; /* what is not looked at has not got better */
    }
    (void)snprintf(name, sizeof(name), "%s: %s", report_kind_name(any->kind), any->name);
    add(d, name, state_of(a), state_of(b), change);
}

static void add_checks(struct diff *d, const struct results *a, const struct results *b)
{
    for (size_t i = 0; i < a->assertion_count; i++) {
        add_check(d, &a->assertions[i], twin(b, a, i));
    }
    for (size_t i = 0; i < b->assertion_count; i++) {
        if (twin(a, b, i) == NULL) {
            add_check(d, NULL, &b->assertions[i]);
        }
    }
}

/* --- figures ---------------------------------------------------------------------------------------------
 */

static double millis(int64_t ns)
{
    return ns == FIGURES_NOTHING ? UNKNOWN : (double)ns / (double)NS_PER_MS;
}

static double seconds(int64_t ns)
{
    return ns == HISTORY_NEVER ? UNKNOWN : (double)ns / (double)NS_PER_S;
}

static void add_latency(struct diff *d, const char *op, const struct figures_latency *a,
                        const struct figures_latency *b)
{
    char name[NAME_CHARS];
    const struct {
        const char *name;
        int64_t a_ns, b_ns;
    } rows[] = { { "median", a->p50_ns, b->p50_ns },
                 { "90%", a->p90_ns, b->p90_ns },
                 { "99%", a->p99_ns, b->p99_ns } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        (void)snprintf(name, sizeof(name), "latency of %s, %s", op, rows[i].name);
        compare(d, name, millis(rows[i].a_ns), millis(rows[i].b_ns), KIND_MILLIS);
    }
}

static const struct figures_kind *kind_of(const struct figures *f, enum chroma_op op)
{
    for (size_t i = 0; i < f->kind_count; i++) {
        if (f->kinds[i].op == op) {
            return &f->kinds[i];
        }
    }
    return NULL;
}

static void add_latencies(struct diff *d, const struct figures *a, const struct figures *b)
{
    const struct figures_latency none = figures_no_latency();
    for (int op = 0; op < CHROMA_OP_COUNT; op++) {
        const struct figures_kind *left = kind_of(a, (enum chroma_op)op);
        const struct figures_kind *right = kind_of(b, (enum chroma_op)op);
        if (left != NULL || right != NULL) {
            add_latency(d, chroma_op_name((enum chroma_op)op), left == NULL ? &none : &left->latency,
                        right == NULL ? &none : &right->latency);
        }
    }
}

/* Recovery that A came to and B did not is worse, not unknown. */
static void add_recovery(struct diff *d, const char *name, int64_t a_ns, int64_t b_ns)
{
    if (a_ns != HISTORY_NEVER && b_ns == HISTORY_NEVER) {
        char text[VALUE_CHARS];
        show(seconds(a_ns), KIND_SECONDS, text);
        add(d, name, text, "never", DIFF_WORSE);
    } else if (a_ns == HISTORY_NEVER && b_ns != HISTORY_NEVER) {
        char text[VALUE_CHARS];
        show(seconds(b_ns), KIND_SECONDS, text);
        add(d, name, "never", text, DIFF_BETTER);
    } else {
        compare(d, name, seconds(a_ns), seconds(b_ns), KIND_SECONDS);
    }
}

static double unserved(uint64_t offered, uint64_t accepted)
{
    return offered > accepted ? (double)(offered - accepted) : 0;
}

static void add_counts(struct diff *d, const struct results *a, const struct results *b)
{
    compare(d, "writes offered", (double)a->writes_offered, (double)b->writes_offered, KIND_NEUTRAL);
    compare(d, "writes queued", (double)a->writes_queued, (double)b->writes_queued, KIND_NEUTRAL);
    compare(d, "writes not accepted", unserved(a->writes_offered, a->writes_accepted),
            unserved(b->writes_offered, b->writes_accepted), KIND_COUNT);
    compare(d, "reads offered", (double)a->reads_offered, (double)b->reads_offered, KIND_NEUTRAL);
    compare(d, "reads not answered", unserved(a->reads_offered, a->reads_ok),
            unserved(b->reads_offered, b->reads_ok), KIND_COUNT);
}

static void add_figures(struct diff *d, const struct figures *a, const struct figures *b)
{
    compare(d, "most pending writes", a->peak_pending, b->peak_pending, KIND_COUNT);
    compare(d, "oldest pending write", a->peak_oldest_s, b->peak_oldest_s, KIND_SECONDS);
    compare(d, "most memory of the log", a->peak_memory_bytes, b->peak_memory_bytes, KIND_BYTES);
    compare(d, "largest log", a->peak_wal_bytes, b->peak_wal_bytes, KIND_BYTES);
    compare(d, "most resident memory", a->peak_rss_bytes, b->peak_rss_bytes, KIND_BYTES);
    compare(d, "replayed", a->replayed, b->replayed, KIND_NEUTRAL);
    compare(d, "failed replays", a->failed_replays, b->failed_replays, KIND_FAULT);
    compare(d, "dead letters", a->dead_letters, b->dead_letters, KIND_FAULT);
    compare(d, "lost with memory", (double)a->lost_on_crash, (double)b->lost_on_crash, KIND_FAULT);
    add_recovery(d, "primary called down after", a->recovery.detected_ns, b->recovery.detected_ns);
    add_recovery(d, "healthy again after the last fault", a->recovery.healthy_ns, b->recovery.healthy_ns);
    add_recovery(d, "nothing pending after the last fault", a->recovery.drained_ns, b->recovery.drained_ns);
    add_latencies(d, a, b);
}

void diff_init(struct diff *d, const struct report_source *a, const struct report_source *b, double band)
{
    *d = (struct diff){ .band = band };
    add(d, "verdict", verdict_name(a->results.verdict), verdict_name(b->results.verdict),
        step(verdict_exit_code(a->results.verdict), verdict_exit_code(b->results.verdict)));
    add_checks(d, &a->results, &b->results);
    add_counts(d, &a->results, &b->results);
    add_figures(d, &a->figures, &b->figures);
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
