/* Reading Prometheus' text format (0.0.4), in which a walproxy tells its metrics: sample by sample, in the
 * order of the text.
 *
 * How it fails: a line that is no sample, or whose value is not a finite number, is passed over; whoever
 * needs a sample notices that it is not there.  Nothing is copied: what is handed out lives as long as the
 * text. */
#ifndef WALDRILL_BASE_EXPOSITION_H
#define WALDRILL_BASE_EXPOSITION_H

#include "base/str.h"

struct exposition_sample {
    struct str series; /* name and labels as they stand: name{label="value"} */
    struct str name;
    struct str labels; /* what stands between the braces; empty: nothing does */
    double value;
};

/* The next sample; *text becomes what is behind it.  false: there is none any more. */
bool exposition_next(struct str *text, struct exposition_sample *sample);
/* A label's value, escapes as they stand.  false: the sample has no such label. */
bool exposition_label(const struct exposition_sample *sample, const char *label, struct str *value);
/* The value of the first sample whose name and labels stand just so.  false: there is none. */
bool exposition_find(struct str text, const char *series, double *value);

#endif
