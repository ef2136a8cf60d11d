/* Runs side by side: what is worse, what is better, what is within the noise.
 *
 * The runs after, B, are set against those before, A.  A figure of B is worse when it is larger than A's
 * highest by more than max(band * highest, floor), and better when it is smaller than A's lowest by more than
 * max(band * lowest, floor); the floor is what nobody would call a difference in its unit (diff.c has the
 * table).  With one run as A the noise has to be assumed: that is the band.  With several, which repeat one
 * another, it was measured, and there is no band unless one is asked for.  Of several runs as B the median is
 * judged.  What must not happen at all (dead letters, lost writes, failed checks) has neither band nor floor:
 * the worst of B is worse than the worst of A, or not.
 * Figures that are neither good nor bad are shown and not judged. */
#ifndef WALDRILL_REPORTS_DIFF_H
#define WALDRILL_REPORTS_DIFF_H

#include "base/buf.h"
#include "reports/source.h"

#define DIFF_BAND        0.10
#define DIFF_BAND_UNSAID (-1.0) /* DIFF_BAND around one run, none around several */

enum diff_change { DIFF_SAME, DIFF_OTHER, DIFF_BETTER, DIFF_WORSE };

struct diff_row {
    char *name;
    char *a, *b; /* as a person reads them: "lowest .. highest" when the runs of a side differ */
    enum diff_change change;
};
struct diff {
    struct diff_row *rows; /* verdict, checks, figures */
    size_t count;
    size_t worse, better, same, other;
    double band;          /* a share, of what is compared with */
    size_t before, after; /* runs that A is, and B */
};

/* runs: so many before, then so many after, at least one each; band: a share, or DIFF_BAND_UNSAID. */
void diff_init(struct diff *d, const struct report_source *runs, size_t before, size_t after, double band);
void diff_deinit(struct diff *d);
/* May the spread of the two be called noise: is it one scenario on one engine?  What a cut report does not
 * tell counts as equal. */
bool diff_repeats(const struct report_source *a, const struct report_source *b);
/* For a terminal, or for a pull request; all: what is the same, too. */
void diff_text(struct buf *out, const struct diff *d, bool all);
void diff_markdown(struct buf *out, const struct diff *d, bool all);

#endif
