/* See past.h. */
#include "harness/console/past.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <math.h>

void past_init(struct past *p)
{
    *p = (struct past){ .silent_since_ns = PAST_OPEN };
    p->samples = mem_alloc_array(PAST_SAMPLES, sizeof(*p->samples));
}

void past_deinit(struct past *p)
{
    mem_free(p->samples);
    p->samples = NULL;
}

void past_add(struct past *p, const struct status_sample *status, const struct served_figures *served)
{
    p->samples[p->taken++ % PAST_SAMPLES] = (struct past_sample){ *status, *served };
    if (status->answered) {
        p->silent_since_ns = PAST_OPEN;
    } else if (p->silent_since_ns == PAST_OPEN) {
        p->silent_since_ns = status->at_ns;
    }
}

uint64_t past_first(const struct past *p)
{
    return p->taken > PAST_SAMPLES ? p->taken - PAST_SAMPLES : 0;
}

const struct status_sample *past_at(const struct past *p, uint64_t number)
{
    CHECK(number >= past_first(p) && number < p->taken);
    return &p->samples[number % PAST_SAMPLES].status;
}

/* --- as JSON -------------------------------------------------------------------------------------------- */

enum past_kind { PAST_NUMBER, PAST_YES, PAST_AGE, PAST_FIGURE };

static const struct past_column {
    const char *name;
    enum past_kind kind;
    size_t offset;
} past_columns[] = {
#define COLUMN(name, kind, member)                       \
    {                                                    \
        name, kind, offsetof(struct past_sample, member) \
    }
    COLUMN("pending", PAST_NUMBER, status.pending_writes),
    COLUMN("oldest_s", PAST_AGE, status.oldest_pending_s),
    COLUMN("failed_replays", PAST_NUMBER, status.failed_replays),
    COLUMN("replayed", PAST_NUMBER, status.total_replayed),
    COLUMN("dead_letters", PAST_NUMBER, status.dead_letters),
    COLUMN("memory_bytes", PAST_NUMBER, status.memory_bytes),
    COLUMN("wal_bytes", PAST_NUMBER, status.wal_bytes),
    COLUMN("rss_bytes", PAST_NUMBER, status.rss_bytes),
    COLUMN("replaying", PAST_YES, status.is_replaying),
    COLUMN("primary", PAST_YES, status.healthy[0]),
    COLUMN("replica", PAST_YES, status.healthy[1]),
    COLUMN("read_per_s", PAST_FIGURE, served.per_s[TALLY_READ]),
    COLUMN("write_per_s", PAST_FIGURE, served.per_s[TALLY_WRITE]),
    COLUMN("other_per_s", PAST_FIGURE, served.per_s[TALLY_OTHER]),
    COLUMN("refused_per_s", PAST_FIGURE, served.refused_per_s),
    COLUMN("failed_per_s", PAST_FIGURE, served.failed_per_s),
    COLUMN("read_p50_ms", PAST_FIGURE, served.p50_ms[TALLY_READ]),
    COLUMN("write_p50_ms", PAST_FIGURE, served.p50_ms[TALLY_WRITE]),
    COLUMN("other_p50_ms", PAST_FIGURE, served.p50_ms[TALLY_OTHER]),
    COLUMN("read_p99_ms", PAST_FIGURE, served.p99_ms[TALLY_READ]),
    COLUMN("write_p99_ms", PAST_FIGURE, served.p99_ms[TALLY_WRITE]),
    COLUMN("other_p99_ms", PAST_FIGURE, served.p99_ms[TALLY_OTHER]),
#undef COLUMN
};

void past_put_seconds(struct json_writer *w, int64_t ns)
{
    int64_t whole_ms = ns / (int64_t)NS_PER_MS; /* finer than a page can show */
    if (ns == PAST_OPEN) {
        json_put_null(w);
    } else {
        json_put_double(w, (double)whole_ms / 1000);
    }
}

/* null where nobody answered, and where a figure is not known: a gap in the curve. */
static void put_value(struct json_writer *w, const struct past_sample *sample, const struct past_column *c)
{
    const char *at = (const char *)sample + c->offset;
    if (!sample->status.answered) {
        json_put_null(w);
        return;
    }
    if (c->kind == PAST_YES) {
        json_put_bool(w, *(const bool *)(const void *)at);
        return;
    }
    double value = *(const double *)(const void *)at;
    if (c->kind != PAST_FIGURE) {
        json_put_double(w, c->kind == PAST_AGE && value < 0 ? 0 : value);
    } else if (value < 0) {
        json_put_null(w);
    } else {
        json_put_double(w, round(value * 1000) / 1000); /* as fine as a page can show */
    }
}

void past_write(const struct past *p, uint64_t from, struct json_writer *w)
{
    uint64_t first = from > past_first(p) ? from : past_first(p);
    json_object_begin(w);
    json_key(w, "at_s");
    json_array_begin(w);
    for (uint64_t n = first; n < p->taken; n++) {
        past_put_seconds(w, past_at(p, n)->at_ns);
    }
    json_array_end(w);
    for (size_t i = 0; i < sizeof(past_columns) / sizeof(past_columns[0]); i++) {
        json_key(w, past_columns[i].name);
        json_array_begin(w);
        for (uint64_t n = first; n < p->taken; n++) {
            put_value(w, &p->samples[n % PAST_SAMPLES], &past_columns[i]);
        }
        json_array_end(w);
    }
    json_object_end(w);
}

/* --- what was so from when to when ---------------------------------------------------------------------- */

void past_look_begin(struct past_spans *s)
{
    for (size_t i = 0; i < s->count; i++) {
        s->spans[i].seen = false;
    }
}

/* The oldest that is over goes; when all are going on, the oldest of these. */
static void past_make_room(struct past_spans *s)
{
    size_t gone = 0;
    while (gone < s->count && s->spans[gone].end_ns == PAST_OPEN) {
        gone++;
    }
    gone = gone == s->count ? 0 : gone;
    mem_free(s->spans[gone].name);
    s->count--;
    memmove(&s->spans[gone], &s->spans[gone + 1], (s->count - gone) * sizeof(s->spans[0]));
}

void past_look(struct past_spans *s, const char *name, int64_t now_ns)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->spans[i].end_ns == PAST_OPEN && strcmp(s->spans[i].name, name) == 0) {
            s->spans[i].seen = true;
            return;
        }
    }
    if (s->count == PAST_SPANS) {
        past_make_room(s);
    }
    s->spans[s->count++] = (struct past_span){ mem_strdup(name), now_ns, PAST_OPEN, true };
}

void past_look_end(struct past_spans *s, int64_t now_ns)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->spans[i].end_ns == PAST_OPEN && !s->spans[i].seen) {
            s->spans[i].end_ns = now_ns;
        }
    }
}

void past_spans_write(const struct past_spans *s, struct json_writer *w)
{
    json_array_begin(w);
    for (size_t i = 0; i < s->count; i++) {
        json_object_begin(w);
        json_pair_text(w, "name", s->spans[i].name);
        json_key(w, "start_s");
        past_put_seconds(w, s->spans[i].start_ns);
        json_key(w, "end_s");
        past_put_seconds(w, s->spans[i].end_ns);
        json_object_end(w);
    }
    json_array_end(w);
}

void past_spans_deinit(struct past_spans *s)
{
    for (size_t i = 0; i < s->count; i++) {
        mem_free(s->spans[i].name);
    }
    s->count = 0;
}
