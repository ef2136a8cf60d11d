/* A document of figures that is asked for again and again: /status.
 *
 * What it solves: a run of twenty minutes reads it more than a thousand times, and it hardly ever changes but
 * in its values.  How: the first one is taken apart into places ("write_ahead_log.levels.pending_writes") and
 * what stands between them; the next ones are laid over that, byte by byte, and taken apart anew only when
 * they do not fit. */
#ifndef WALDRILL_HARNESS_RUNNER_STATUS_DOC_H
#define WALDRILL_HARNESS_RUNNER_STATUS_DOC_H

#include "base/buf.h"
#include "base/json_scan.h"

struct status_place {
    char *path; /* an element of a list is found by its name */
    enum json_kind kind;
    struct str value; /* as it stands in the document read last; of an object or a list: empty */
    size_t at, size;  /* in the document that was taken apart */
};

struct status_doc { /* begins with zeros */
    struct status_place *places;
    size_t count, capacity;
    char *text; /* of the document that was taken apart */
    size_t size;
    unsigned layout; /* rises whenever the places are others than before */
};

/* False: not a JSON object, or an object in it has a key twice.  Values are borrowed from the document. */
bool status_doc_read(struct status_doc *d, struct str document);
/* NULL when there is none. */
const struct status_place *status_doc_find(const struct status_doc *d, const char *path);
void status_doc_deinit(struct status_doc *d);

#endif
