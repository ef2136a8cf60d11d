/* What a comparison has found, for the operator who asked for it: per collection that differs how many
 * records each instance holds, a digest of them, and the first ids with what is wrong.
 *
 * The digest is the sum (modulo 2^128) of the records' digests, so the order in which an instance shows its
 * records does not matter, nor that of a metadata object's keys.  Records that count as equal although their
 * last digits differ (rows.h) go in alike: two digests are the same when everything is, and then only. */
#ifndef WALDRILL_PROXY_CORE_COMPARED_H
#define WALDRILL_PROXY_CORE_COMPARED_H

#include "proxy/core/rows.h"
#include "proxy/core/state.h"

struct json_writer;

/* Of all comparisons of a request; freed with the core. */
struct compared;
struct compared *compared_new(void);
void compared_free(struct compared *c);
void compared_begin(struct compared *c); /* what was found before is forgotten */
/* A collection that could not be compared; why: words that outlive it. */
void compared_left_out(struct compared *c, const struct lane *lane, const char *why);

/* One collection, whose rows are told in any order, each once. */
void compared_lane_begin(struct compared *c);
/* Both have it; a is of instance i, b of the other one. */
void compared_both(struct compared *c, unsigned i, const struct row *a, const struct row *b);
void compared_alone(struct compared *c, unsigned i, const struct row *row); /* only instance i has it */
/* All of it has been told; false: it was broken off, and counts as left out. */
void compared_lane_end(struct compared *c, const struct lane *lane, bool whole);

uint64_t compared_equal(const struct compared *c); /* collections */
uint64_t compared_differing(const struct compared *c);
/* Members of an object: "collections_equal", "collections_differing", "collections_left_out", "differing",
 * "left_out"; of both lists the first hundred. */
void compared_put(struct json_writer *w, const struct core *core, const struct compared *c);

#endif
