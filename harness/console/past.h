/* What has been seen of a running stack: the last hour of samples, and what was so from when to when (alerts,
 * faults).  Bounded: the oldest goes when there is no room.  Pure; whoever has threads locks around it. */
#ifndef WALDRILL_HARNESS_CONSOLE_PAST_H
#define WALDRILL_HARNESS_CONSOLE_PAST_H

#include "base/json_writer.h"
#include "harness/console/served.h"
#include "harness/history.h"

#define PAST_SAMPLES ((size_t)3600) /* an hour at one a second */
#define PAST_SPANS   ((size_t)200)
#define PAST_OPEN    (-1)

struct past_span {
    char *name;
    int64_t start_ns, end_ns; /* PAST_OPEN: it is still so */
    bool seen;                /* by the look that goes on */
};

struct past_spans {
    struct past_span spans[PAST_SPANS]; /* in order of their start */
    size_t count;
};

struct past_sample {
    struct status_sample status;
    struct served_figures served; /* since the look before */
};

struct past {
    struct past_sample *samples; /* of number n at n % PAST_SAMPLES */
    uint64_t taken;              /* numbers 0 to taken - 1 have been given; the last PAST_SAMPLES are kept */
    int64_t silent_since_ns;     /* since when nobody answers; PAST_OPEN: the last one was answered */
};

void past_init(struct past *p);
void past_deinit(struct past *p);
void past_add(struct past *p, const struct status_sample *status, const struct served_figures *served);
/* The number of the oldest sample kept; p->taken when there is none. */
uint64_t past_first(const struct past *p);
const struct status_sample *past_at(const struct past *p, uint64_t number);
/* Columns of the samples from number from on, as one object; numbers that are gone are left out. */
void past_write(const struct past *p, uint64_t from, struct json_writer *w);

/* A look at what is so now: begin, once for each name, end.  What was so and is not named ends now. */
void past_look_begin(struct past_spans *s);
void past_look(struct past_spans *s, const char *name, int64_t now_ns);
void past_look_end(struct past_spans *s, int64_t now_ns);
/* A list of {"name", "start_s", "end_s"}; end_s null: still so. */
void past_spans_write(const struct past_spans *s, struct json_writer *w);
/* A time of the page in seconds; null for PAST_OPEN. */
void past_put_seconds(struct json_writer *w, int64_t ns);
void past_spans_deinit(struct past_spans *s);

#endif
