/* One request of a verb, from its path to what is printed of the answer. */
#ifndef WALDRILL_PROXY_CTL_EXCHANGE_H
#define WALDRILL_PROXY_CTL_EXCHANGE_H

#include "proxy/ctl/verbs.h"

/* Asks; an answer that is no success, or none, is told on stderr.  CTL_DONE: reply is the caller's to
 * release. */
int exchange(struct session *s, const char *method, const char *target, struct str body, struct reply *reply);
/* A path below /admin with what was typed as one segment or value of it, percent-encoded: format has one %s.
 */
struct str exchange_path(struct buf *out, const char *before, const char *typed, const char *after);
/* Appends ?from=&limit= when they were said. */
void exchange_page(struct buf *out, const struct options *o);
/* Prints the answer as it came. */
void exchange_json(const struct reply *reply);
/* Prints the answer, for people with show, with --json as it came. */
typedef void show_cb(struct buf *out, bool colour, const json_t *json);
void exchange_show(const struct session *s, const struct reply *reply, show_cb *show);
/* Prints what has been written to out. */
void exchange_print(struct buf *out);

#endif
