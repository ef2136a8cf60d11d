/* Runs side by side, in words: the worse first, then the better, then what only differs. */
#include "reports/diff.h"

#include "reports/text.h"
#include <string.h>

#define NAME_WIDTH   58
#define VALUE_WIDTH  14
#define SPREAD_WIDTH 24

static const enum diff_change order[] = { DIFF_WORSE, DIFF_BETTER, DIFF_OTHER, DIFF_SAME };

static const char *word(enum diff_change change)
{
    switch (change) {
        case DIFF_SAME:
            return "same";
        case DIFF_OTHER:
            return "differs";
        case DIFF_BETTER:
            return "better";
        case DIFF_WORSE:
            return "WORSE";
    }
    return "";
}

static void put_sum(struct buf *out, const struct diff *d)
{
    buf_printf(out, "%zu worse, %zu better, %zu differ otherwise, %zu the same within ", d->worse, d->better,
               d->other, d->same);
    if (d->before > 1) {
        buf_printf(out, "what %zu runs reached before", d->before);
    }
    if (d->before == 1 || d->band > 0) {
        buf_printf(out, "%s%.3g%%", d->before > 1 ? ", and " : "", d->band * 100);
    }
    if (d->after > 1) {
        buf_printf(out, "; of figures the median of %zu runs after", d->after);
    }
}

void diff_text(struct buf *out, const struct diff *d, bool all)
{
    int width = d->before > 1 ? SPREAD_WIDTH : VALUE_WIDTH;
    put_sum(out, d);
    buf_append_char(out, '\n');
    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        for (size_t i = 0; i < d->count && (all || order[k] != DIFF_SAME); i++) {
            const struct diff_row *row = &d->rows[i];
            if (row->change == order[k]) {
                buf_printf(out, "  %-8s %-*.*s %*s -> %s\n", word(row->change), NAME_WIDTH, NAME_WIDTH,
                           row->name, width, row->a, row->b);
            }
        }
    }
}

void diff_markdown(struct buf *out, const struct diff *d, bool all)
{
    buf_append_text(out, d->worse > 0 ? "## Worse: " : "## No worse: ");
    put_sum(out, d);
    buf_append_text(out, "\n\n| | what | A | B |\n|---|---|---:|---:|\n");
    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        for (size_t i = 0; i < d->count && (all || order[k] != DIFF_SAME); i++) {
            const struct diff_row *row = &d->rows[i];
            if (row->change == order[k]) {
                buf_append_text(out, row->change == DIFF_WORSE ? "| **worse** | " : "| ");
                buf_append_text(out, row->change == DIFF_WORSE ? "" : word(row->change));
                buf_append_text(out, row->change == DIFF_WORSE ? "" : " | ");
                text_markdown(out, str_of(row->name));
                buf_printf(out, " | %s | %s |\n", row->a, row->b);
            }
        }
    }
}
