/* Capacity planning written down: for a terminal, as Markdown, as JSON (docs/capacity.schema.json), as a
 * page. */
#ifndef WALDRILL_REPORTS_CAPACITY_H
#define WALDRILL_REPORTS_CAPACITY_H

#include "base/buf.h"
#include "harness/capacity/study.h"
#include "harness/capacity/trial.h"
#include "reports/sheet.h"

void capacity_text(struct buf *out, const struct capacity_study *study);
void capacity_markdown(struct buf *out, const struct capacity_study *study);
void capacity_json(struct buf *out, const struct capacity_study *study);
void capacity_html(struct buf *out, const struct capacity_study *study);
/* All sections without the title, into a page of another kind. */
void capacity_tables(struct buf *out, const struct capacity_study *study, enum sheet_form form);

/* A trial of the model, before its points were played (the predictions) or after. */
void capacity_trial_json(struct buf *out, const struct capacity_trial *trial);
void capacity_trial_text(struct buf *out, const struct capacity_trial *trial);
void capacity_trial_markdown(struct buf *out, const struct capacity_trial *trial);

/* "1.5 GB", "293.0 MB", "512 B": of 1024, as in the guide. */
#define CAPACITY_WORDS 48
const char *capacity_bytes_words(double bytes, char out[CAPACITY_WORDS]);
/* "never", "2h 5m", "17.2 s" */
const char *capacity_time_words(double seconds, char out[CAPACITY_WORDS]);

#endif
