/* Reading a report's files back.  What comes from a file may be cut, foreign or wrong: every getter takes
 * what is there and gives the value for "not known" where it is not, or is of another kind.  Private to
 * reports/. */
#ifndef WALDRILL_REPORTS_READ_H
#define WALDRILL_REPORTS_READ_H

#include "base/str.h"
#include "harness/history.h"
#include "harness/results.h"
#include "reports/figures.h"
#include <jansson.h>

/* A whole file, mapped: size 0 and data NULL when it is not there or empty. */
struct read_file {
    struct str text;
    bool found;
};
void read_file_open(struct read_file *file, const char *path);
void read_file_close(struct read_file *file);

char *read_text(const json_t *object, const char *key);                    /* the caller's; NULL */
double read_number(const json_t *object, const char *key, double unknown); /* null: unknown */
uint64_t read_count(const json_t *object, const char *key);                /* 0 */
bool read_truth(const json_t *object, const char *key);                    /* false */
int64_t read_seconds(const json_t *object, const char *key);               /* ns; HISTORY_NEVER */
int64_t read_seconds_of(const json_t *value);                              /* the same of a value itself */
int64_t read_milliseconds_of(const json_t *value);                         /* ns; FIGURES_NOTHING */
struct figures_latency read_latency(const json_t *object, const char *key);

/* results.json: all but the figures.  What is not there is noted as missing. */
void read_results(struct results *r, const json_t *root);
/* The figures of it; f has been initialized from the results.  Returns whether the series were there. */
bool read_figures(struct figures *f, const json_t *root);
/* Its long parts, "charts" and "history". */
bool read_charts(struct figures *f, const json_t *charts);
void read_shown(struct figures_ops *shown, const json_t *history);

/* events.jsonl, into a history; the head's words go into r where it has none, the events too.  What a line
 * does not have is left out; what cannot be understood is noted as missing. */
void read_events(struct results *r, struct history *h, struct str text);

#endif
