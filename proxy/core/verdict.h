/* What an answer to a write means (rule 3 of the design): one table, operation x status.
 *
 * Only Chroma's own error JSON or its known empty forms count as Chroma's word; anything else is a
 * platform in between talking, and a platform's 404 page never means "delete done". */
#ifndef WALDRILL_PROXY_CORE_VERDICT_H
#define WALDRILL_PROXY_CORE_VERDICT_H

#include "base/chroma_route.h"
#include "base/str.h"
#include <stdbool.h>

enum verdict_of_write {
    WRITE_APPLIED,    /* its effect is there (also: was there already) */
    WRITE_REJECTED,   /* Chroma refuses it; no effect */
    WRITE_TRANSIENT,  /* answered, not now: the same again later; costs an attempt */
    WRITE_BUSY,       /* 429: the same, without cost, after Retry-After */
    WRITE_AMBIGUOUS,  /* may have been or may yet be applied: fence, then the same again */
    WRITE_LANE_FAULT, /* the instance does not have the mapped collection */
    WRITE_DENIED,     /* 401, 403: our credentials; pauses the instance */
    WRITE_FOREIGN,    /* not Chroma's word (a proxy's page, a redirect): instance fault */
    WRITE_TAKEN,      /* create: 409; the name exists */
    WRITE_ABSENT,     /* delete collection: 404 by name */
};

/* body: the answer's, whole.  by_uuid: the request named the collection by a mapped UUID. */
enum verdict_of_write verdict_of(enum chroma_op op, int status, struct str body, bool by_uuid);
/* Chroma's error object: {"error":...,"message":...}; *message is raw (undecoded). */
bool verdict_chroma_error(struct str body, struct str *message);

#endif
