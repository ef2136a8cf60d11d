/* events.jsonl, read back: events.c is the other side.  A million operations are some hundred megabytes of
 * it, so lines are scanned (base/json_scan.h) and no tree is built.
 *
 * How it fails: not at all.  A line that is no JSON, of no kind known here or without an instant is counted
 * and left out, and the report says how many there were; a file that ends within a line is said to be cut. */
#include "reports/read.h"

#include "base/json_scan.h"
#include "base/memory.h"
#include "base/units.h"
#include "reports/formats.h"
#include <stdlib.h>
#include <string.h>

#define NUMBER_CHARS 40
#define NAME_CHARS   512
#define KIND_WITHIN  48 /* bytes of a line, in which its kind stands */

struct events {
    struct results *r;
    struct history *h;
    uint64_t lines, unknown;
    uint64_t first_unknown;     /* its line's number */
    char last_name[NAME_CHARS]; /* of a collection: the next line's is often the same */
    uint32_t last_collection;
    bool head, saw_replica;
};

/* --- members of a line ---------------------------------------------------------------------------------- */

static bool number_of(const struct json_scan *line, const char *key, double *out)
{
    const struct json_member *member = json_scan_find(line, key);
    char text[NUMBER_CHARS];
    if (member == NULL || member->kind != JSON_NUMBER_VALUE || member->value.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, member->value.data, member->value.size);
    text[member->value.size] = '\0';
    *out = strtod(text, NULL); /* the scan has checked that it is one */
    return true;
}

static double number_or(const struct json_scan *line, const char *key, double unknown)
{
    double value;
    return number_of(line, key, &value) ? value : unknown;
}

static int64_t instant_of(const struct json_scan *line, const char *key)
{
    double seconds;
    bool known = number_of(line, key, &seconds) && seconds > -9e9 && seconds < 9e9;
    return known ? (int64_t)(seconds * (double)NS_PER_S + (seconds < 0 ? -0.5 : 0.5)) : HISTORY_NEVER;
}

static bool text_is(const struct json_scan *line, const char *key, struct str text)
{
    const struct json_member *member = json_scan_find(line, key);
    return member != NULL && member->value.size == text.size + 2 &&
           memcmp(member->value.data + 1, text.data, text.size) == 0;
}

static bool truth_of(const struct json_scan *line, const char *key)
{
    const struct json_member *member = json_scan_find(line, key);
    return member != NULL && str_equal(member->value, STR("true"));
}

/* The text of a member, decoded; NULL when it has none.  The caller frees. */
static char *text_of(const struct json_scan *line, const char *key)
{
    const struct json_member *member = json_scan_find(line, key);
    if (member == NULL || member->kind != JSON_STRING_VALUE) {
        return NULL;
    }
    size_t length;
    char *text = mem_alloc(member->value.size + 1);
    if (!json_scan_decode(member->value, text, member->value.size + 1, &length)) {
        text[0] = '\0';
    }
    return text;
}

/* --- kinds of lines --------------------------------------------------------------------------------------
 */

static uint32_t collection_of(struct events *e, const struct json_scan *line)
{
    const struct json_member *member = json_scan_find(line, "collection");
    char name[NAME_CHARS];
    size_t length;
    if (member == NULL || !json_scan_decode(member->value, name, sizeof(name), &length)) {
        return HISTORY_NONE;
    }
    if (e->last_collection == HISTORY_NONE || strcmp(name, e->last_name) != 0) {
        e->last_collection = history_collection(e->h, name);
        memcpy(e->last_name, name, length + 1);
    }
    return e->last_collection;
}

static uint32_t record_of(const struct json_scan *line)
{
    const struct json_member *member = json_scan_find(line, "record");
    static const struct str prefix = { "\"doc-", 5 };
    if (member == NULL || !str_starts(member->value, prefix)) {
        return HISTORY_NONE;
    }
    uint64_t id = 0;
    for (size_t i = prefix.size; i + 1 < member->value.size; i++) {
        char c = member->value.data[i];
        if (c < '0' || c > '9' || id >= HISTORY_NONE / 10) {
            return HISTORY_NONE;
        }
        id = id * 10 + (uint64_t)(c - '0');
    }
    return (uint32_t)id;
}

static enum op_outcome outcome_of(const struct json_scan *line)
{
    for (int i = OP_PENDING; i <= OP_TIMED_OUT; i++) {
        if (text_is(line, "outcome", str_of(report_outcome_name((enum op_outcome)i)))) {
            return (enum op_outcome)i;
        }
    }
    return OP_PENDING;
}

static bool take_op(struct events *e, const struct json_scan *line, int64_t at_ns)
{
    const struct json_member *name = json_scan_find(line, "op");
    const struct json_member *load = json_scan_find(line, "load");
    enum chroma_op kind;
    if (name == NULL || name->kind != JSON_STRING_VALUE ||
        !chroma_op_parse(str_make(name->value.data + 1, name->value.size - 2), &kind)) {
        return false;
    }
    int64_t due_ns = instant_of(line, "due");
    int64_t done_ns = instant_of(line, "done");
    enum op_outcome outcome = outcome_of(line);
    struct op_record *op = history_add_op(e->h);
    *op = (struct op_record){
        .tag = (uint64_t)number_or(line, "tag", 0),
        .load = load == NULL || load->kind != JSON_STRING_VALUE ? HISTORY_NONE : 0,
        .op = kind,
        .collection = collection_of(e, line),
        .record = record_of(line),
        .planned_ns = due_ns == HISTORY_NEVER ? at_ns : due_ns,
        .sent_ns = at_ns,
        .done_ns = done_ns,
        .outcome = outcome == OP_ANSWERED && done_ns == HISTORY_NEVER ? OP_PENDING : outcome,
        .status = (int)number_or(line, "status", 0),
        .queued = truth_of(line, "queued"),
    };
    return true;
}

/* Of effects a report only wants to know whether there was a replica. */
static void take_effect(struct events *e, const struct json_scan *line)
{
    if (!e->saw_replica && text_is(line, "instance", STR("replica"))) {
        history_add_effect(e->h)->instance = 1;
        e->saw_replica = true;
    }
}

static void take_status(struct events *e, const struct json_scan *line, int64_t at_ns)
{
    struct status_sample *s = history_add_sample(e->h);
    *s = (struct status_sample){
        .at_ns = at_ns,
        .answered = truth_of(line, "answered"),
        .pending_writes = number_or(line, "pending_writes", 0),
        .oldest_pending_s = number_or(line, "oldest_pending", -1),
        .failed_replays = number_or(line, "failed_replays", 0),
        .total_replayed = number_or(line, "total_replayed", 0),
        .dead_letters = number_or(line, "dead_letters", 0),
        .is_replaying = truth_of(line, "is_replaying"),
        .healthy = { truth_of(line, "primary_healthy"), truth_of(line, "replica_healthy") },
        .memory_bytes = number_or(line, "memory_bytes", 0),
        .wal_bytes = number_or(line, "wal_bytes", 0),
        .rss_bytes = number_or(line, "rss_bytes", 0),
    };
}

static void take_event(struct events *e, const struct json_scan *line, int64_t at_ns)
{
    char *text = text_of(line, "text");
    results_add_event(e->r, at_ns, "%s", text == NULL ? "" : text);
    mem_free(text);
}

/* The first line says what the rest is of. */
static void take_head(struct events *e, const struct json_scan *line)
{
    char **const places[] = { &e->r->scenario, &e->r->path, &e->r->engine };
    static const char *const keys[] = { "scenario", "file", "engine" };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (*places[i] == NULL) {
            *places[i] = text_of(line, keys[i]);
        }
    }
    e->head = true;
}

/* Most lines are effects, and of these the first of the replica is enough: the others are not scanned. */
static bool is_one_more_effect(const struct events *e, struct str text)
{
    static const char kind[] = "\"kind\":\"effect\"";
    size_t head = text.size < KIND_WITHIN ? text.size : KIND_WITHIN;
    return e->saw_replica && text.data[text.size - 1] == '}' &&
           memmem(text.data, head, kind, sizeof(kind) - 1) != NULL;
}

static bool take_line(struct events *e, struct str text)
{
    struct json_scan line;
    if (is_one_more_effect(e, text)) {
        return true;
    }
    if (json_scan(text, &line) != 0 || !line.is_object || line.trailing > 0) {
        return false;
    }
    if (text_is(&line, "format", STR(REPORT_EVENTS_FORMAT))) {
        take_head(e, &line);
        return true;
    }
    int64_t at_ns = instant_of(&line, "at");
    if (at_ns == HISTORY_NEVER) {
        return false;
    }
    if (text_is(&line, "kind", STR("op"))) {
        return take_op(e, &line, at_ns);
    }
    if (text_is(&line, "kind", STR("status"))) {
        take_status(e, &line, at_ns);
        return true;
    }
    if (text_is(&line, "kind", STR("event"))) {
        take_event(e, &line, at_ns);
        return true;
    }
    take_effect(e, &line);
    return text_is(&line, "kind", STR("effect"));
}

/* --- the whole --------------------------------------------------------------------------------------------
 */

static int by_instant(const void *a, const void *b)
{
    const struct status_sample *left = a;
    const struct status_sample *right = b;
    return (left->at_ns > right->at_ns) - (left->at_ns < right->at_ns);
}

static void note_missing(struct events *e, bool cut)
{
    if (!e->head) {
        results_add_missing(e->r, "events.jsonl does not begin with a line of format " REPORT_EVENTS_FORMAT);
    }
    if (cut) {
        results_add_missing(e->r, "events.jsonl ends within line %llu: what came after it is not shown",
                            (unsigned long long)e->lines);
    }
    if (e->unknown > 0) {
        results_add_missing(e->r,
                            "%llu of %llu lines of events.jsonl are not understood, the first is line %llu",
                            (unsigned long long)e->unknown, (unsigned long long)e->lines,
                            (unsigned long long)e->first_unknown);
    }
    if (e->h->op_count == 0) {
        results_add_missing(e->r, "events.jsonl has no operations");
    }
    if (e->h->sample_count == 0) {
        results_add_missing(e->r, "events.jsonl has no answers of /status");
    }
}

void read_events(struct results *r, struct history *h, struct str text)
{
    struct events e = { .r = r, .h = h, .last_collection = HISTORY_NONE };
    bool cut = text.size > 0 && text.data[text.size - 1] != '\n';
    while (text.size > 0) {
        const char *end = memchr(text.data, '\n', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.data);
        struct str line = str_trim(str_make(text.data, size));
        size_t taken = end == NULL ? size : size + 1;
        text = str_make(text.data + taken, text.size - taken);
        e.lines++;
        bool last = text.size == 0 && cut;
        bool understood = line.size == 0 || take_line(&e, line);
        cut = last ? !understood : cut;
        if (!understood && !last) {
            e.first_unknown = e.unknown++ == 0 ? e.lines : e.first_unknown;
        }
    }
    if (h->sample_count > 1) { /* of another's file they may stand in any order */
        qsort(h->samples, h->sample_count, sizeof(*h->samples), by_instant);
    }
    note_missing(&e, cut);
}
