/* The table of metrics as text: for a Prometheus server, and for people. */
#include "base/decimal.h"
#include "proxy/core/metrics.h"

static const char *const type_names[] = { "counter", "gauge", "histogram" };

/* Where the value of place (i, j) stands; on the second axis are none but uint64_t. */
static const void *place(const struct core *core, const struct metric *metric, size_t i, size_t j)
{
    return (const char *)core + metric->offset + i * metric->stride + j * sizeof(uint64_t);
}

static double read_place(const struct metric *metric, const void *at)
{
    switch (metric->kind) {
        case METRIC_U64:
            return (double)*(const uint64_t *)at;
        case METRIC_UNSIGNED:
            return (double)*(const unsigned *)at;
        case METRIC_BOOL:
            return *(const bool *)at ? 1 : 0;
        case METRIC_DOUBLE:
            return *(const double *)at;
        case METRIC_NS:
            return (double)*(const uint64_t *)at / 1e9;
    }
    return 0;
}

static size_t axis_size(const struct core *core, const struct metric_axis *axis)
{
    size_t count = 0;
    if (axis == NULL) {
        return 1;
    }
    if (axis->values == NULL) {
        return core->instance_count;
    }
    while (axis->values[count] != NULL) {
        count++;
    }
    return count;
}

static void put_number(struct buf *out, double value)
{
    struct decimal shortest;
    char text[DECIMAL_TEXT_BYTES];
    decimal_of_double(value, &shortest);
    decimal_print(&shortest, -5, 16, false, text);
    buf_append_text(out, text);
}

/* "{instance="primary",state="up"", or nothing; true when a label was written and the brace is open. */
static bool put_labels(struct buf *out, const struct core *core, const struct metric *metric, size_t i,
                       size_t j)
{
    const size_t at[2] = { i, j };
    bool any = false;
    for (size_t k = 0; k < 2; k++) {
        const struct metric_axis *axis = metric->axes[k];
        if (axis != NULL) {
            const char *value = axis->values == NULL ? core->instances[at[k]].name : axis->values[at[k]];
            buf_printf(out, "%c%s=\"%s\"", any ? ',' : '{', axis->label, value);
            any = true;
        }
    }
    return any;
}

static void put_sample(struct buf *out, const struct metric_view *view, const struct metric *metric, size_t i,
                       size_t j)
{
    double value =
        metric->get != NULL ? metric->get(view, i, j) : read_place(metric, place(view->core, metric, i, j));
    buf_append_text(out, metric->name);
    buf_append_text(out, put_labels(out, view->core, metric, i, j) ? "} " : " ");
    put_number(out, value);
    buf_append_char(out, '\n');
}

static void put_bucket(struct buf *out, const struct core *core, const struct metric *metric, size_t i,
                       const char *bound, uint64_t count)
{
    buf_printf(out, "%s_bucket", metric->name);
    buf_append_text(out, put_labels(out, core, metric, i, 0) ? "," : "{");
    buf_printf(out, "le=\"%s\"} %llu\n", bound, (unsigned long long)count);
}

static void put_histogram(struct buf *out, const struct core *core, const struct metric *metric, size_t i)
{
    const struct tally_times *times = place(core, metric, i, 0);
    uint64_t sum = 0;
    for (size_t k = 0; k < TALLY_BOUNDS; k++) {
        char bound[DECIMAL_TEXT_BYTES];
        struct decimal shortest;
        decimal_of_double(tally_bounds_s[k], &shortest);
        decimal_print(&shortest, -5, 16, false, bound);
        sum += times->counts[k];
        put_bucket(out, core, metric, i, bound, sum);
    }
    sum += times->counts[TALLY_BOUNDS];
    put_bucket(out, core, metric, i, "+Inf", sum);
    buf_printf(out, "%s_sum", metric->name);
    buf_append_text(out, put_labels(out, core, metric, i, 0) ? "} " : " ");
    put_number(out, (double)times->sum_ns / 1e9);
    buf_printf(out, "\n%s_count", metric->name);
    buf_append_text(out, put_labels(out, core, metric, i, 0) ? "} " : " ");
    buf_printf(out, "%llu\n", (unsigned long long)sum);
}

void metrics_write(const struct core *core, struct buf *out)
{
    struct metric_view view = { .core = core };
    figures_take(core, &view.figures);
    for (size_t m = 0; m < metric_count; m++) {
        const struct metric *metric = &metrics[m];
        size_t rows = axis_size(core, metric->axes[0]);
        size_t columns = axis_size(core, metric->axes[1]);
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name,
                   type_names[metric->type]);
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < columns && metric->type != METRIC_HISTOGRAM; j++) {
                put_sample(out, &view, metric, i, j);
            }
            if (metric->type == METRIC_HISTOGRAM) {
                put_histogram(out, core, metric, i);
            }
        }
    }
}

/* ---- for people ---- */

static void put_axis(struct buf *out, const struct metric_axis *axis, const char *before)
{
    buf_printf(out, "%s`%s` ", before, axis->label);
    if (axis->values == NULL) {
        buf_append_text(out, "(primary, replica)");
        return;
    }
    for (size_t k = 0; axis->values[k] != NULL; k++) {
        buf_printf(out, "%s%s", k == 0 ? "(" : ", ", axis->values[k]);
    }
    buf_append_char(out, ')');
}

void metrics_manual(struct buf *out)
{
    buf_append_text(out, "| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for (size_t m = 0; m < metric_count; m++) {
        const struct metric *metric = &metrics[m];
        buf_printf(out, "| `%s` | %s | ", metric->name, type_names[metric->type]);
        for (size_t k = 0; k < 2 && metric->axes[k] != NULL; k++) {
            put_axis(out, metric->axes[k], k == 0 ? "" : "; ");
        }
        buf_printf(out, " | %s |\n", metric->help);
    }
}
