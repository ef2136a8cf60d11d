/* How well the model of capacity planning did. */
#include "reports/capacity.h"
#include "reports/sheet.h"

#include <stdio.h>

static void put_point(struct sheet *s, const struct capacity_point *p)
{
    char memory[CAPACITY_WORDS];
    char log[CAPACITY_WORDS];
    char drain[CAPACITY_WORDS];
    char measured_memory[CAPACITY_WORDS];
    char measured_log[CAPACITY_WORDS];
    char measured_drain[CAPACITY_WORDS];
    sheet_row(s, "%g KB|%g|%g min|%s|%s|%+.1f %%|%s|%s|%+.1f %%|%s|%s|%+.1f %%|%u", p->write_kb,
              p->per_minute, p->minutes, capacity_bytes_words(p->forecast.memory_bytes, memory),
              capacity_bytes_words(p->measured_memory_bytes, measured_memory),
              100 * capacity_error(p, CAPACITY_FIGURE_MEMORY),
              capacity_bytes_words(p->forecast.log_bytes, log),
              capacity_bytes_words(p->measured_log_bytes, measured_log),
              100 * capacity_error(p, CAPACITY_FIGURE_LOG), capacity_time_words(p->forecast.drain_s, drain),
              capacity_time_words(p->measured_drain_s, measured_drain),
              100 * capacity_error(p, CAPACITY_FIGURE_DRAIN), p->runs);
}

static void put_trial(struct buf *out, const struct capacity_trial *trial, enum sheet_form form)
{
    struct sheet sheet;
    struct sheet *s = &sheet;
    sheet_begin(s, out, form);
    sheet_title(s, "Capacity: prediction against measurement");
    sheet_line(
        s,
        "On %s (time scale %g, mocks as %s). Calibrated on %d other points: %.2f ms a request, %.3f ms a "
        "record, %.3f ms a MB; %.0f B of log at the start and %.0f a second.",
        trial->engine, trial->time_scale, trial->profile, CAPACITY_CALIBRATION, trial->costs.request_s * 1e3,
        trial->costs.record_s * 1e3, trial->costs.byte_s * 1e3 * 1024 * 1024, trial->costs.log_start_bytes,
        trial->costs.log_bytes_per_s);
    sheet_row(
        s, "write|a minute|outage|memory|measured|error|log|measured|error|drained in|measured|error|runs");
    for (size_t i = 0; i < trial->count; i++) {
        if (trial->points[i].measured) {
            put_point(s, &trial->points[i]);
        }
    }
    sheet_table_end(s);
    sheet_heading(s, "Errors");
    sheet_row(s, "figure|worst|median|worst at");
    for (size_t i = 0; i < CAPACITY_FIGURES; i++) {
        struct capacity_errors errors;
        capacity_errors(trial, (enum capacity_figure)i, &errors);
        const struct capacity_point *p = &trial->points[errors.worst_at];
        sheet_row(s, "%s|%.1f %%|%.1f %%|%g KB, %g a minute, %g min", capacity_figure_names[i],
                  100 * errors.worst, 100 * errors.median, p->write_kb, p->per_minute, p->minutes);
    }
    sheet_table_end(s);
    sheet_end(s);
}

void capacity_trial_text(struct buf *out, const struct capacity_trial *trial)
{
    put_trial(out, trial, SHEET_TEXT);
}

void capacity_trial_markdown(struct buf *out, const struct capacity_trial *trial)
{
    put_trial(out, trial, SHEET_MARKDOWN);
}
