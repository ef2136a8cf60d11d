/* What a /status says, as a sample and as figures of the table of metrics.
 *
 * Which place a figure stands at is looked for once for each layout of the document; most runs see two or
 * three. */
#include "harness/runner/status_figures.h"

#include "base/decimal.h"
#include "base/memory.h"
#include <string.h>

#define TEXT_BYTES 4096u

enum field {
    FIELD_WAL,
    FIELD_INSTANCES,
    FIELD_STATS,
    FIELD_PENDING,
    FIELD_FAILED,
    FIELD_DEAD,
    FIELD_REPLAYED,
    FIELD_OLDEST,
    FIELD_REPLAYING,
    FIELD_MEMORY,
    FIELD_BYTES,
    FIELD_UNDECIDED,
    FIELD_QUEUE_LOST,
    FIELD_PROGRESS,
    FIELD_RSS,
    FIELD_HEALTHY_COUNT,
    FIELD_TOTAL_COUNT,
    FIELD_HEALTHY, /* and of the replica */
    FIELD_LAG = FIELD_HEALTHY + 2,
    FIELD_RESYNC = FIELD_LAG + 2,
    FIELD_STATE = FIELD_RESYNC + 2,
    FIELD_REQUESTS = FIELD_STATE + 2,
    FIELD_COUNT = FIELD_REQUESTS + 2
};

static const char *const field_paths[FIELD_COUNT] = {
    [FIELD_WAL] = "write_ahead_log",
    [FIELD_INSTANCES] = "instances",
    [FIELD_STATS] = "stats",
    [FIELD_PENDING] = "write_ahead_log.pending_writes",
    [FIELD_FAILED] = "write_ahead_log.failed_replays",
    [FIELD_DEAD] = "write_ahead_log.dead_letters",
    [FIELD_REPLAYED] = "write_ahead_log.total_replayed",
    [FIELD_OLDEST] = "write_ahead_log.oldest_pending",
    [FIELD_REPLAYING] = "write_ahead_log.is_replaying",
    [FIELD_MEMORY] = "write_ahead_log.memory_bytes",
    [FIELD_BYTES] = "write_ahead_log.bytes",
    [FIELD_UNDECIDED] = "write_ahead_log.undecided_writes",
    [FIELD_QUEUE_LOST] = "write_ahead_log.queue_lost",
    [FIELD_PROGRESS] = "write_ahead_log.progress_age",
    [FIELD_RSS] = "stats.rss_bytes",
    [FIELD_HEALTHY_COUNT] = "healthy_instances",
    [FIELD_TOTAL_COUNT] = "total_instances",
    [FIELD_HEALTHY] = "instances.primary.healthy",
    [FIELD_HEALTHY + 1] = "instances.replica.healthy",
    [FIELD_LAG] = "instances.primary.lag",
    [FIELD_LAG + 1] = "instances.replica.lag",
    [FIELD_RESYNC] = "instances.primary.resync",
    [FIELD_RESYNC + 1] = "instances.replica.resync",
    [FIELD_STATE] = "instances.primary.state",
    [FIELD_STATE + 1] = "instances.replica.state",
    [FIELD_REQUESTS] = "instances.primary.total_requests",
    [FIELD_REQUESTS + 1] = "instances.replica.total_requests",
};

struct status_reader {
    struct status_doc doc;
    unsigned layout; /* that the places are of */
    const struct status_place *fields[FIELD_COUNT];
    const struct status_place **figures; /* by index of metric_table */
    bool *is_text;
    char **texts; /* what was said in words, each once */
    size_t text_count;
};

struct status_reader *status_reader_new(void)
{
    struct status_reader *r = mem_alloc(sizeof(*r));
    r->figures = mem_alloc_array(metric_table_size, sizeof(*r->figures));
    r->is_text = mem_alloc_array(metric_table_size, sizeof(*r->is_text));
    for (size_t i = 0; i < metric_table_size; i++) {
        r->is_text[i] = strcmp(metric_table[i].unit, "text") == 0;
    }
    return r;
}

void status_reader_free(struct status_reader *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; i < r->text_count; i++) {
        mem_free(r->texts[i]);
    }
    mem_free(r->texts);
    mem_free(r->figures);
    mem_free(r->is_text);
    status_doc_deinit(&r->doc);
    mem_free(r);
}

static void reader_find_places(struct status_reader *r)
{
    r->layout = r->doc.layout;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        r->fields[i] = status_doc_find(&r->doc, field_paths[i]);
    }
    for (size_t i = 0; i < metric_table_size; i++) {
        const char *path = metric_table[i].status;
        r->figures[i] = path == NULL ? NULL : status_doc_find(&r->doc, path);
    }
}

static bool field_is(const struct status_reader *r, size_t field, enum json_kind kind)
{
    return r->fields[field] != NULL && r->fields[field]->kind == kind;
}

static double field_number(const struct status_reader *r, size_t field, double absent)
{
    return field_is(r, field, JSON_NUMBER_VALUE) ? decimal_read(r->fields[field]->value) : absent;
}

static bool place_is_true(const struct status_place *p)
{
    return p->kind == JSON_BOOL_VALUE && str_equal(p->value, STR("true"));
}

static bool field_is_true(const struct status_reader *r, size_t field)
{
    return r->fields[field] != NULL && place_is_true(r->fields[field]);
}

static const char *reader_text(struct status_reader *r, struct str json)
{
    char text[TEXT_BYTES];
    size_t length;
    if (!json_scan_decode(json, text, sizeof(text), &length)) {
        text[0] = '\0';
    }
    for (size_t i = 0; i < r->text_count; i++) {
        if (strcmp(r->texts[i], text) == 0) {
            return r->texts[i];
        }
    }
    r->texts = mem_realloc(r->texts, (r->text_count + 1) * sizeof(*r->texts));
    r->texts[r->text_count] = mem_strdup(text);
    return r->texts[r->text_count++];
}

static void reader_sample(const struct status_reader *r, struct status_sample *sample,
                          struct run_status_more *more)
{
    sample->pending_writes = field_number(r, FIELD_PENDING, 0);
    sample->failed_replays = field_number(r, FIELD_FAILED, 0);
    sample->dead_letters = field_number(r, FIELD_DEAD, 0);
    sample->total_replayed = field_number(r, FIELD_REPLAYED, 0);
    sample->oldest_pending_s = field_number(r, FIELD_OLDEST, -1);
    sample->is_replaying = field_is_true(r, FIELD_REPLAYING);
    sample->memory_bytes = field_number(r, FIELD_MEMORY, 0);
    sample->wal_bytes = field_number(r, FIELD_BYTES, 0);
    sample->rss_bytes = field_number(r, FIELD_RSS, 0);
    more->undecided_writes = field_number(r, FIELD_UNDECIDED, 0);
    more->queue_lost = field_is_true(r, FIELD_QUEUE_LOST);
    more->progress_age_s = field_number(r, FIELD_PROGRESS, -1);
    more->healthy_instances = field_number(r, FIELD_HEALTHY_COUNT, 0);
    more->total_instances = field_number(r, FIELD_TOTAL_COUNT, 0);
    for (size_t i = 0; i < 2; i++) {
        sample->healthy[i] = field_is_true(r, FIELD_HEALTHY + i);
        sample->requests[i] = field_number(r, FIELD_REQUESTS + i, 0);
        more->lag[i] = field_number(r, FIELD_LAG + i, 0);
        more->resyncing = more->resyncing || field_is(r, FIELD_RESYNC + i, JSON_OBJECT_VALUE);
        more->suspecting =
            more->suspecting || (field_is(r, FIELD_STATE + i, JSON_STRING_VALUE) &&
                                 str_equal(r->fields[FIELD_STATE + i]->value, STR("\"suspect\"")));
    }
}

/* null is nothing: 0, or a text without words. */
static void reader_figures(struct status_reader *r, struct run_figure *figures)
{
    for (size_t i = 0; i < metric_table_size; i++) {
        const struct status_place *place = r->figures[i];
        if (place == NULL) {
            continue;
        }
        bool nothing = place->kind == JSON_NULL_VALUE;
        if (r->is_text[i]) {
            figures[i].known = nothing || place->kind == JSON_STRING_VALUE;
            if (figures[i].known) {
                figures[i].text = reader_text(r, nothing ? STR("\"\"") : place->value);
            }
        } else if (place->kind == JSON_NUMBER_VALUE) {
            figures[i].known = true;
            figures[i].number = decimal_read(place->value) * metric_table[i].factor;
        } else {
            figures[i].known = nothing || place->kind == JSON_BOOL_VALUE;
            figures[i].number = place_is_true(place) ? metric_table[i].factor : 0;
        }
    }
}

bool status_reader_read(struct status_reader *r, struct str body, struct status_sample *sample,
                        struct run_status_more *more)
{
    bool is_document = status_doc_read(&r->doc, body);
    if (is_document && r->layout != r->doc.layout) {
        reader_find_places(r);
    }
    if (!is_document || !field_is(r, FIELD_WAL, JSON_OBJECT_VALUE) ||
        !field_is(r, FIELD_INSTANCES, JSON_ARRAY_VALUE) || !field_is(r, FIELD_STATS, JSON_OBJECT_VALUE)) {
        return false;
    }
    reader_sample(r, sample, more);
    more->figures = mem_alloc_array(metric_table_size, sizeof(*more->figures));
    reader_figures(r, more->figures);
    return true;
}
