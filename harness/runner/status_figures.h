/* Reads /status answers, one after the other. */
#ifndef WALDRILL_HARNESS_RUNNER_STATUS_FIGURES_H
#define WALDRILL_HARNESS_RUNNER_STATUS_FIGURES_H

#include "harness/runner/run.h"
#include "harness/runner/status_doc.h"

struct status_reader; /* owns the texts of the figures it has read */
struct status_reader *status_reader_new(void);
void status_reader_free(struct status_reader *r); /* NULL allowed */
/* Fills in what a status says of sample and more, figures included (the caller's, by mem_free).  False: the
 * body is none of ours, and nothing was filled in. */
bool status_reader_read(struct status_reader *r, struct str body, struct status_sample *sample,
                        struct run_status_more *more);

#endif
