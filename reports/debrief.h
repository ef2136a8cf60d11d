/* The debrief of a drill: how the operator did beside what the run came to.
 *
 *   drill.json     the drill, for programs (docs/rehearse.md has its members)
 *   debrief.html   one page that opens anywhere: verdict, timeline, steps, mistakes
 *   debrief.md     the same in text */
#ifndef WALDRILL_REPORTS_DEBRIEF_H
#define WALDRILL_REPORTS_DEBRIEF_H

#include "base/buf.h"
#include "base/error.h"
#include "base/json_writer.h"
#include "harness/drill/drill.h"
#include "harness/results.h"

#define DEBRIEF_FORMAT "waldrill-drill/1"

/* Writes the three beside the report of the run; the drill has been judged.  reproduce: the command line. */
int debrief_write(const char *directory, const struct results *results, const struct drill *drill,
                  struct errmsg *msg);

/* ---- private to reports/debrief*.c ---- */

void debrief_json(struct buf *out, const struct results *r, const struct drill *d);
/* Its members, into an open object. */
void debrief_json_members(struct json_writer *w, const struct results *r, const struct drill *d);
void debrief_markdown(struct buf *out, const struct results *r, const struct drill *d);
void debrief_html(struct buf *out, const struct results *r, const struct drill *d);
/* The verdict in a word: what the operator is told first. */
const char *debrief_verdict(const struct drill *d);

#endif
