/* Two runs side by side: what is worse, what is better, what is within the noise.
 *
 * A figure of B is worse than A's when it is larger by more than max(band * A, floor), and better when it is
 * smaller by more than that; the floor is what nobody would call a difference in its unit (diff.c has the
 * table).  What must not happen at all (dead letters, lost writes, failed checks) has neither band nor floor.
 * Figures that are neither good nor bad are shown and not judged. */
#ifndef WALDRILL_REPORTS_DIFF_H
#define WALDRILL_REPORTS_DIFF_H

#include "base/buf.h"
#include "reports/source.h"

#define DIFF_BAND 0.10

enum diff_change { DIFF_SAME, DIFF_OTHER, DIFF_BETTER, DIFF_WORSE };

struct diff_row {
    char *name;
    char *a, *b; /* as a person reads them */
    enum diff_change change;
};
struct diff {
    struct diff_row *rows; /* verdict, checks, figures */
    size_t count;
    size_t worse, better, same, other;
    double band;
};

void diff_init(struct diff *d, const struct report_source *a, const struct report_source *b, double band);
void diff_deinit(struct diff *d);
/* For a terminal, or for a pull request; all: what is the same, too. */
void diff_text(struct buf *out, const struct diff *d, bool all);
void diff_markdown(struct buf *out, const struct diff *d, bool all);

#endif
