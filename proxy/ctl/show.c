#include "proxy/ctl/show.h"

#include "base/units.h"
#include "proxy/ctl/table.h"
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 512

/* ---- members ---- */

const char *show_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static const char *text_or_dash(const json_t *object, const char *key)
{
    const char *text = show_text(object, key);
    return text == NULL ? "-" : text;
}

long long show_number(const json_t *object, const char *key)
{
    return (long long)json_number_value(json_object_get(object, key));
}

bool show_is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const json_t *show_instance(const json_t *status, const char *name)
{
    size_t i;
    json_t *instance;
    json_array_foreach(json_object_get(status, "instances"), i, instance)
    {
        const char *own = show_text(instance, "name");
        if (own != NULL && strcmp(own, name) == 0) {
            return instance;
        }
    }
    return NULL;
}

/* ---- texts ---- */

/* Of the seconds under key: "12.3 s", "5m3s"; "-" for null. */
static const char *duration(const json_t *object, const char *key, char text[TEXT_SIZE])
{
    const json_t *value = json_object_get(object, key);
    double s = json_number_value(value);
    if (!json_is_number(value)) {
        return "-";
    }
    if (s < 60) {
        (void)snprintf(text, TEXT_SIZE, "%.1f s", s);
    } else {
        units_format_duration((uint64_t)s * NS_PER_S, text, TEXT_SIZE);
    }
    return text;
}

static const char *bytes(const json_t *object, const char *key, char *text, size_t size)
{
    units_format_size((uint64_t)show_number(object, key), text, size);
    return text;
}

static enum tone tone_of(const char *level)
{
    if (level == NULL) {
        return TONE_PLAIN;
    }
    return strcmp(level, "critical") == 0  ? TONE_BAD
           : strcmp(level, "warning") == 0 ? TONE_WARNING
           : strcmp(level, "normal") == 0  ? TONE_GOOD
                                           : TONE_PLAIN;
}

static const char *place(const json_t *object, char text[TEXT_SIZE])
{
    const char *tenant = show_text(object, "tenant");
    const char *database = show_text(object, "database");
    const char *collection = show_text(object, "collection");
    bool usual = tenant != NULL && database != NULL && strcmp(tenant, "default_tenant") == 0 &&
                 strcmp(database, "default_database") == 0;
    if (usual) {
        (void)snprintf(text, TEXT_SIZE, "%s", collection == NULL ? "-" : collection);
    } else {
        (void)snprintf(text, TEXT_SIZE, "%s/%s/%s", tenant == NULL ? "" : tenant,
                       database == NULL ? "" : database, collection == NULL ? "" : collection);
    }
    return text;
}

/* One line: what it is, and words in a tone. */
static void fact(struct buf *out, bool colour, const char *what, enum tone tone, const char *words)
{
    buf_printf(out, "%-18s ", what);
    table_say(out, colour, tone, words);
    buf_append_char(out, '\n');
}

/* ---- status ---- */

static void put_resync(char text[TEXT_SIZE], const json_t *instance)
{
    const json_t *resync = json_object_get(instance, "resync");
    if (!json_is_object(resync)) {
        (void)snprintf(text, TEXT_SIZE, "-");
        return;
    }
    (void)snprintf(text, TEXT_SIZE, "collections to go: %lld, done: %lld",
                   show_number(resync, "collections_waiting"), show_number(resync, "collections_done"));
}

static void put_instances(struct buf *out, bool colour, const json_t *status)
{
    static const char *const headers[] = { "INSTANCE", "ROLE",    "STATE",  "FORCED",     ">LAG",
                                           ">DEAD",    "SUCCESS", "RESYNC", "LAST CHECK", NULL };
    struct table *t = table_new(headers);
    size_t i;
    json_t *instance;
    json_array_foreach(json_object_get(status, "instances"), i, instance)
    {
        char text[TEXT_SIZE];
        bool healthy = show_is_true(instance, "healthy");
        const char *state = show_text(instance, "state");
        bool up = state != NULL && strcmp(state, "up") == 0;
        table_cell(t, TONE_PLAIN, show_text(instance, "name"));
        table_cell(t, TONE_PLAIN, show_text(instance, "role"));
        table_cell(t, up ? TONE_GOOD : healthy ? TONE_WARNING : TONE_BAD, state);
        table_cell(t, TONE_WARNING, show_text(instance, "forced"));
        table_number(t, TONE_PLAIN, show_number(instance, "lag"));
        table_number(t, show_number(instance, "dead_letters") > 0 ? TONE_BAD : TONE_PLAIN,
                     show_number(instance, "dead_letters"));
        (void)snprintf(text, sizeof(text), "%.2f%%",
                       json_number_value(json_object_get(instance, "success_rate")));
        table_cell(t, TONE_PLAIN, text);
        put_resync(text, instance);
        table_cell(t, TONE_PLAIN, text);
        table_cell(t, TONE_QUIET, show_text(instance, "last_health_check"));
    }
    table_print(t, colour, out);
}

static void put_log(struct buf *out, bool colour, const json_t *log)
{
    char text[TEXT_SIZE];
    char size[64];
    const json_t *levels = json_object_get(log, "levels");
    (void)snprintf(text, sizeof(text), "%lld", show_number(log, "pending_writes"));
    fact(out, colour, "pending writes", tone_of(show_text(levels, "pending_writes")), text);
    fact(out, colour, "oldest pending", tone_of(show_text(levels, "oldest_pending")),
         duration(log, "oldest_pending", text));
    (void)snprintf(text, sizeof(text), "%lld (%lld dead letters)", show_number(log, "failed_replays"),
                   show_number(log, "dead_letters"));
    fact(out, colour, "failed replays", tone_of(show_text(levels, "failed_replays")), text);
    (void)snprintf(text, sizeof(text), "%s; %lld so far", show_is_true(log, "is_replaying") ? "yes" : "no",
                   show_number(log, "total_replayed"));
    fact(out, colour, "replaying", tone_of(show_text(levels, "is_replaying")), text);
    if (show_text(log, "why_not_replaying") != NULL) {
        fact(out, colour, "why not replaying", TONE_BAD, show_text(log, "why_not_replaying"));
    }
    if (show_is_true(log, "replay_paused")) {
        fact(out, colour, "replay", TONE_WARNING, "paused by an operator: walproxy ctl resume");
    }
    const char *by = show_text(log, "replay_rate_by");
    if (by != NULL && strcmp(by, "operator") == 0) {
        (void)snprintf(text, sizeof(text), "%g writes a second, by an operator: walproxy ctl throttle off",
                       json_number_value(json_object_get(log, "replay_rate")));
        fact(out, colour, "throttled to", TONE_WARNING, text);
    }
    (void)snprintf(text, sizeof(text), "%s, %s, %.1f%% of the quota", text_or_dash(log, "mode"),
                   bytes(log, "bytes", size, sizeof(size)),
                   100 * json_number_value(json_object_get(log, "quota_used")));
    fact(out, colour, "log", TONE_PLAIN, text);
    if (show_is_true(log, "failed")) {
        fact(out, colour, "log", TONE_BAD, "FAILED: walproxy has to be restarted");
    }
    if (show_is_true(log, "queue_lost")) {
        fact(out, colour, "queue", TONE_BAD, "what was pending in the life before is lost");
    }
}

void show_status(struct buf *out, bool colour, const json_t *status)
{
    char text[TEXT_SIZE];
    put_instances(out, colour, status);
    buf_append_char(out, '\n');
    put_log(out, colour, json_object_get(status, "write_ahead_log"));
    const json_t *failover = json_object_get(status, "failover");
    if (json_is_object(failover)) {
        (void)snprintf(text, sizeof(text), "waits to make %s the primary: %s", text_or_dash(failover, "to"),
                       text_or_dash(failover, "why"));
        fact(out, colour, "failover", TONE_WARNING, text);
    }
    if (show_is_true(json_object_get(status, "audit"), "failed")) {
        fact(out, colour, "audit log", TONE_BAD, "cannot be written: see audit_log_failed in the log");
    }
    if (show_is_true(status, "draining")) {
        fact(out, colour, "draining", TONE_WARNING, "takes nothing new, and ends when all is answered");
    }
}

/* ---- lists ---- */

static void tell_rest(struct buf *out, size_t shown, long long all, const char *what)
{
    if ((long long)shown < all) {
        buf_printf(out, "%zu of %lld %s; more with --from and --limit\n", shown, all, what);
    }
}

static void put_writes(struct buf *out, bool colour, const json_t *writes)
{
    static const char *const headers[] = { ">LSN",    "OP",      "COLLECTION", ">AGE",       ">BYTES",
                                           "PRIMARY", "REPLICA", ">ATTEMPTS",  "REQUEST ID", NULL };
    struct table *t = table_new(headers);
    size_t i;
    json_t *write;
    json_array_foreach(writes, i, write)
    {
        char text[TEXT_SIZE];
        const json_t *at = json_object_get(write, "instances");
        const char *primary = show_text(at, "primary");
        bool failed = primary != NULL && strcmp(primary, "failed") == 0;
        table_number(t, TONE_PLAIN, show_number(write, "lsn"));
        table_cell(t, TONE_PLAIN, show_text(write, "op"));
        table_cell(t, TONE_PLAIN, place(write, text));
        table_cell(t, TONE_PLAIN, duration(write, "age", text));
        table_number(t, TONE_PLAIN, show_number(write, "bytes"));
        table_cell(t, failed ? TONE_BAD : TONE_PLAIN, primary);
        table_cell(t, TONE_PLAIN, show_text(at, "replica"));
        table_number(t, TONE_PLAIN, show_number(write, "attempts"));
        table_cell(t, TONE_QUIET, show_text(write, "request_id"));
    }
    table_print(t, colour, out);
}

void show_pending(struct buf *out, bool colour, const json_t *list)
{
    const json_t *writes = json_object_get(list, "pending");
    if (json_array_size(writes) == 0) {
        buf_append_text(out, "no write is pending\n");
        return;
    }
    put_writes(out, colour, writes);
    tell_rest(out, json_array_size(writes), show_number(list, "count"), "writes");
}

static const char *refused_by(const json_t *letter, char text[TEXT_SIZE])
{
    size_t i;
    size_t used = 0;
    json_t *name;
    text[0] = '\0';
    json_array_foreach(json_object_get(letter, "refused_by"), i, name)
    {
        int n = snprintf(text + used, TEXT_SIZE - used, "%s%s", i == 0 ? "" : ", ",
                         json_is_string(name) ? json_string_value(name) : "-");
        used += n > 0 && (size_t)n < TEXT_SIZE - used ? (size_t)n : 0;
    }
    return text;
}

/* Chroma's own words, out of the JSON they come in. */
static const char *reason(const json_t *letter, char text[TEXT_SIZE])
{
    const char *whole = show_text(letter, "reason");
    json_t *json = whole == NULL ? NULL : json_loads(whole, 0, NULL);
    const char *message = show_text(json, "message");
    (void)snprintf(text, TEXT_SIZE, "%s", message != NULL ? message : whole == NULL ? "-" : whole);
    json_decref(json);
    return text;
}

void show_letters(struct buf *out, bool colour, const json_t *list)
{
    static const char *const headers[] = { ">LSN",    "OP",         "COLLECTION", "REFUSED BY", ">STATUS",
                                           "TOUCHED", "REFUSED AT", "REASON",     NULL };
    const json_t *letters = json_object_get(list, "dead_letters");
    if (json_array_size(letters) == 0) {
        buf_append_text(out, "there is no dead letter\n");
        return;
    }
    struct table *t = table_new(headers);
    size_t i;
    json_t *letter;
    json_array_foreach(letters, i, letter)
    {
        char text[TEXT_SIZE];
        table_number(t, TONE_PLAIN, show_number(letter, "lsn"));
        table_cell(t, TONE_PLAIN, show_text(letter, "op"));
        table_cell(t, TONE_PLAIN, place(letter, text));
        table_cell(t, TONE_PLAIN, refused_by(letter, text));
        table_number(t, TONE_PLAIN, show_number(letter, "status"));
        table_cell(t, TONE_PLAIN, show_is_true(letter, "touched") ? "yes" : "no");
        table_cell(t, TONE_QUIET, show_text(letter, "refused_at"));
        table_cell(t, TONE_BAD, reason(letter, text));
    }
    table_print(t, colour, out);
    tell_rest(out, json_array_size(letters), show_number(list, "count"), "dead letters");
}

void show_letter(struct buf *out, bool colour, const json_t *letter)
{
    char text[TEXT_SIZE];
    (void)snprintf(text, sizeof(text), "%lld", show_number(letter, "lsn"));
    fact(out, colour, "dead letter", TONE_PLAIN, text);
    fact(out, colour, "op", TONE_PLAIN, text_or_dash(letter, "op"));
    fact(out, colour, "collection", TONE_PLAIN, place(letter, text));
    fact(out, colour, "refused by", TONE_PLAIN, refused_by(letter, text));
    fact(out, colour, "reason", TONE_BAD, reason(letter, text));
    (void)snprintf(text, sizeof(text), "%lld", show_number(letter, "status"));
    fact(out, colour, "status", TONE_PLAIN, text);
    fact(out, colour, "touched", TONE_PLAIN,
         show_is_true(letter, "touched")
             ? "yes: younger writes may have changed its records; retry takes --force"
             : "no");
    fact(out, colour, "body", TONE_PLAIN, text_or_dash(letter, "body"));
}

void show_ids(struct buf *out, bool colour, const json_t *list)
{
    static const char *const headers[] = { ">LANE",     "COLLECTION", "ID OF CLIENTS",
                                           "PRIMARY'S", "REPLICA'S",  NULL };
    const json_t *ids = json_object_get(list, "ids");
    struct table *t = table_new(headers);
    size_t i;
    json_t *lane;
    json_array_foreach(ids, i, lane)
    {
        char text[TEXT_SIZE];
        enum tone tone = show_is_true(lane, "deleted") ? TONE_QUIET : TONE_PLAIN;
        table_number(t, tone, show_number(lane, "lane"));
        table_cell(t, tone, place(lane, text));
        table_cell(t, tone, show_text(lane, "id"));
        table_cell(t, tone, show_text(lane, "primary"));
        table_cell(t, tone, show_text(lane, "replica"));
    }
    table_print(t, colour, out);
    if (json_is_number(json_object_get(list, "next"))) {
        buf_printf(out, "%zu of %lld collections; more with --from %lld\n", json_array_size(ids),
                   show_number(list, "count"), show_number(list, "next"));
    }
}

/* ---- what is going on ---- */

static void put_next(struct buf *out, bool colour, const json_t *next)
{
    static const char *const headers[] = { "  COLLECTION", ">WRITES",   ">NEXT LSN", "OP", ">JOINED",
                                           ">BYTES",       ">ATTEMPTS", "WAITS FOR", NULL };
    struct table *t = table_new(headers);
    size_t i;
    json_t *one;
    json_array_foreach(next, i, one)
    {
        char text[TEXT_SIZE];
        char indented[TEXT_SIZE + 2];
        bool in_flight = show_is_true(one, "in_flight");
        (void)snprintf(indented, sizeof(indented), "  %s", place(one, text));
        table_cell(t, TONE_PLAIN, indented);
        table_number(t, TONE_PLAIN, show_number(one, "writes_waiting"));
        table_number(t, TONE_PLAIN, show_number(one, "lsn"));
        table_cell(t, TONE_PLAIN, show_text(one, "op"));
        if (json_is_number(json_object_get(one, "joined"))) {
            table_number(t, TONE_PLAIN, show_number(one, "joined"));
        } else {
            table_cell(t, TONE_PLAIN, NULL);
        }
        table_number(t, TONE_PLAIN, show_number(one, "bytes"));
        table_number(t, show_number(one, "attempts") > 0 ? TONE_WARNING : TONE_PLAIN,
                     show_number(one, "attempts"));
        const char *waits = show_text(one, "waits");
        table_cell(t, waits == NULL ? TONE_PLAIN : TONE_WARNING,
                   waits != NULL ? waits
                   : in_flight   ? "in flight"
                                 : NULL);
    }
    table_print(t, colour, out);
}

void show_plan(struct buf *out, bool colour, const json_t *plan)
{
    size_t i;
    json_t *instance;
    json_array_foreach(json_object_get(plan, "instances"), i, instance)
    {
        const json_t *next = json_object_get(instance, "next");
        buf_printf(out,
                   "%s%s (%s, %s): writes waiting: %lld, places: %lld; at most %.1f requests a second, %lld "
                   "records in one, %lld in flight\n",
                   i == 0 ? "" : "\n", text_or_dash(instance, "name"), text_or_dash(instance, "role"),
                   text_or_dash(instance, "state"), show_number(instance, "writes_waiting"),
                   show_number(instance, "collections_waiting"),
                   json_number_value(json_object_get(instance, "requests_a_second_most")),
                   show_number(instance, "records_in_one_most"),
                   show_number(instance, "requests_in_flight_most"));
        if (show_text(instance, "waits") != NULL) {
            buf_append_text(out, "  ");
            table_say(out, colour, TONE_BAD, show_text(instance, "waits"));
            buf_append_char(out, '\n');
        }
        if (json_array_size(next) > 0) {
            put_next(out, colour, next);
        }
    }
    double rate = json_number_value(json_object_get(plan, "replay_rate"));
    if (rate > 0) {
        buf_printf(out, "\nheld to %g writes a second for each instance\n", rate);
    }
}

void show_comparison(struct buf *out, bool colour, const json_t *comparison)
{
    char text[TEXT_SIZE];
    const char *at = show_text(comparison, "finished_at");
    bool running = show_is_true(comparison, "running");
    (void)snprintf(text, sizeof(text), "%lld", show_number(comparison, "collections_equal"));
    fact(out, colour, "equal", TONE_GOOD, text);
    (void)snprintf(text, sizeof(text), "%lld", show_number(comparison, "collections_differing"));
    fact(out, colour, "differing",
         show_number(comparison, "collections_differing") > 0 ? TONE_BAD : TONE_GOOD, text);
    fact(out, colour, "finished", TONE_PLAIN, running ? "not yet" : at == NULL ? "never begun" : at);
}

void show_missing(struct buf *out, bool colour, const json_t *promotion)
{
    const json_t *missing = json_object_get(promotion, "missing");
    const json_t *listed = json_object_get(missing, "listed");
    long long writes = show_number(missing, "writes");
    if (writes == 0 && show_number(missing, "collections") == 0) {
        return;
    }
    buf_printf(out, "it lacks %lld writes", writes);
    if (show_number(missing, "collections") > 0) {
        buf_printf(out, " and %lld collections in doubt", show_number(missing, "collections"));
    }
    if (show_text(missing, "why") != NULL) {
        buf_append_text(out, ": ");
        table_say(out, colour, TONE_WARNING, show_text(missing, "why"));
    }
    buf_append_char(out, '\n');
    if (json_array_size(listed) > 0) {
        put_writes(out, colour, listed);
        tell_rest(out, json_array_size(listed), writes, "writes");
    }
}
