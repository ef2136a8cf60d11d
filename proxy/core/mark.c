#include "proxy/core/mark.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/units.h"
#include "proxy/core/calls.h"
#include "proxy/core/health.h"
#include "proxy/core/learn.h"
#include "proxy/core/resync.h"
#include "proxy/core/verdict.h"
#include "proxy/core/writes.h"

#define MARK_INTERVAL_NS (10 * NS_PER_S)
#define MARK_TENANTS     "/api/v2/tenants"
#define MARK_DATABASES   MARK_TENANTS "/" MARK_TENANT "/databases"
#define MARK_COLLECTIONS MARK_DATABASES "/" MARK_TENANT "/collections"
#define MARK_NAME        "mark"
#define BODY_LIMIT       4096

/* How far the place for the mark is made. */
enum building { BUILD_TENANT, BUILD_DATABASE, BUILD_COLLECTION, BUILD_DONE };

void mark_init(struct core *core)
{
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        timer_init(&core->instances[i].mark.timer, TIMER_MARK, i, NULL);
    }
}

static uint64_t append_record(struct core *core, unsigned i, uint64_t lsn, bool sync)
{
    struct record_mark record = { .log_id = core->log_id, .instance = (uint8_t)i, .lsn = lsn };
    return core_append(core, RECORD_MARK, record_mark_encode(&record), NULL, sync);
}

void mark_start(struct core *core)
{
    if (uuid_is_zero(&core->log_id)) {
        core->log_id = uuid_mint(&core->prng);
        core->log_id_lsn = append_record(core, CORE_INSTANCES, 0, true);
    }
}

void mark_recover(struct core *core, const struct record_mark *record)
{
    core->log_id = record->log_id;
    if (record->instance < CORE_INSTANCES) {
        struct mark *mark = &core->instances[record->instance].mark;
        mark->ever = true;
        mark->lsn = record->lsn;
    }
}

void mark_recover_seen(struct core *core, unsigned i)
{
    if (i < CORE_INSTANCES) {
        core->instances[i].mark.lost = core->instances[i].mark.began_anew = false;
    }
}

void mark_recover_doubt(struct core *core, const struct record_doubt *record)
{
    struct mark *mark = &core->instances[record->instance].mark;
    if (!MUTANT(core, MUTANT_DOUBT_FORGOTTEN)) {
        mark->lost = true;
        mark->began_anew = record->began_anew;
    }
}

/* A restart does not make it trustworthy. */
static void log_doubt(struct core *core, unsigned i)
{
    const struct mark *mark = &core->instances[i].mark;
    if (mark->ever) {
        struct record_doubt record = { .instance = (uint8_t)i, .began_anew = mark->began_anew };
        (void)core_append(core, RECORD_DOUBT, record_doubt_encode(&record), NULL, false);
    }
}

void mark_refused(struct core *core, unsigned i)
{
    struct mark *mark = &core->instances[i].mark;
    if (!mark->began_anew) {
        mark->began_anew = true;
        if (mark->lost) {
            log_doubt(core, i);
        }
    }
}

void mark_forget(struct core *core, unsigned i)
{
    struct mark *mark = &core->instances[i].mark;
    if (mark->stage != MARK_UNREAD) {
        mark->lost_ns = core->now_ns;
        log_doubt(core, i);
    }
    mark->stage = MARK_UNREAD;
    mark->lost = true;
    mark->looked_at = false;
    call_drop(core, mark->call);
    mark->call = 0;
    timer_stop(core, &mark->timer);
}

uint64_t mark_pins(struct core *core, uint64_t lsn)
{
    uint64_t first = lsn;
    for (unsigned i = 0; i < core->instance_count; i++) {
        struct instance *instance = &core->instances[i];
        struct mark *mark = &instance->mark;
        bool counts = mark->ever && !instance->needs_resync && instance->names_trust != TRUST_STALE;
        if (!counts || mark->lsn + 1 >= lsn || core->accepted_lsn <= mark->lsn) {
            continue;
        }
        first = mark->lsn + 1 < first ? mark->lsn + 1 : first;
        bool may = mark->stage == MARK_READ && mark->call == 0 && instance->state == INSTANCE_UP &&
                   resync_is_clean(core, i) && mark->hurried_lsn != lsn;
        if (may && instance->behind_lsn >= lsn) {
            mark->hurried_lsn = lsn; /* once; after that every ten seconds must do */
            timer_set(core, &mark->timer, core->now_ns);
        }
    }
    return first;
}

bool mark_hides(struct str tenant)
{
    char decoded[sizeof(MARK_TENANT)];
    size_t size = 0;
    return http_percent_decode(tenant, decoded, sizeof(decoded), &size) &&
           str_equal(str_make(decoded, size), STR(MARK_TENANT));
}

/* ---- reading ---- */

static void call_it(struct core *core, unsigned i, struct str method, struct str target, struct block *body)
{
    struct call_spec spec = {
        .kind = CALL_MARK,
        .instance = i,
        .method = method,
        .target = target,
        .content_type = body == NULL ? STR("") : STR("application/json"),
        .body = body,
        .answer_limit = ANSWER_LIMIT_SMALL,
        .timeout_ns = call_first_timeout(core, 0),
    };
    core->instances[i].mark.call = call_start(core, &spec)->id;
}

void mark_check(struct core *core, unsigned i)
{
    CHECK(core->instances[i].mark.call == 0);
    core->instances[i].mark.stage = MARK_READING;
    call_it(core, i, STR("GET"), STR(MARK_COLLECTIONS "/" MARK_NAME), NULL);
}

/* "metadata":{"log":"<uuid>","lsn":N,"keep":false}; keep: what only that instance has was there before us. */
static bool read_mark(struct str body, struct uuid *log_id, uint64_t *lsn, bool *keep)
{
    struct json_scan object;
    struct json_scan metadata;
    if (json_scan(body, &object) != 0) {
        return false;
    }
    const struct json_member *member = json_scan_find(&object, "metadata");
    if (member == NULL || member->kind != JSON_OBJECT_VALUE || json_scan(member->value, &metadata) != 0) {
        return false;
    }
    const struct json_member *log = json_scan_find(&metadata, "log");
    const struct json_member *at = json_scan_find(&metadata, "lsn");
    const struct json_member *kept = json_scan_find(&metadata, "keep");
    *keep = kept != NULL && str_equal(kept->value, STR("true"));
    return log != NULL && log->kind == JSON_STRING_VALUE && at != NULL && at->kind == JSON_NUMBER_VALUE &&
           uuid_parse(str_make(log->value.data + 1, log->value.size - 2), log_id) &&
           units_parse_u64(at->value, lsn, NULL) == 0;
}

static void found(struct core *core, unsigned i, enum resync_found what, uint64_t lsn)
{
    struct mark *mark = &core->instances[i].mark;
    mark->stage = MARK_READ;
    mark->overdue = false;
    resync_returned(core, i, what, lsn);
    timer_set(core, &mark->timer, core->now_ns); /* as soon as all is well there */
    health_marked(core, i);
}

/* The log has dealt with this instance, even if it never came to mark it. */
static bool is_known(const struct core *core, unsigned i)
{
    const struct lane *lane;
    for (lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        if (lane->applied_lsn[i] > 0) {
            return true;
        }
    }
    return core->instances[i].mark.ever || core->instances[i].names_lsn > 0;
}

static void absent(struct core *core, unsigned i)
{
    struct mark *mark = &core->instances[i].mark;
    bool ever = is_known(core, i);
    mark->has_uuid = false;
    mark->building = BUILD_TENANT;
    mark->lsn = 0;
    found(core, i, ever ? RESYNC_FOUND_EMPTY : RESYNC_FOUND_NEW, 0);
}

/* A log in memory has another id in each life, and no promise to keep from the one before. */
static bool may_adopt(const struct core *core)
{
    return core->settings.adopt || core->settings.wal_mode == WAL_MODE_MEMORY;
}

static void foreign(struct core *core, unsigned i)
{
    if (may_adopt(core)) {
        core->instances[i].mark.ever = false; /* what stands there until it is overwritten is not ours */
        core->instances[i].mark.lsn = 0;
        found(core, i, RESYNC_FOUND_NEW, 0);
        return;
    }
    core_line(core, LOG_ERROR, "foreign_mark", "target", core->instances[i].name, "why",
              "this instance is marked by another walproxy's log; ADOPT=yes takes it over", NULL);
    health_foreign(core, i);
}

static void was_read(struct core *core, unsigned i, int status, struct str body)
{
    struct mark *mark = &core->instances[i].mark;
    struct uuid log_id;
    struct str message;
    uint64_t lsn = 0;
    if (status == 404 && verdict_chroma_error(body, &message)) {
        absent(core, i);
    } else if (status != 200 || !learn_object_id(body, &mark->uuid)) {
        mark->stage = MARK_UNREAD;
        health_mark_failed(core, i);
    } else {
        mark->has_uuid = true;
        mark->building = BUILD_DONE;
        bool keep = false;
        if (!read_mark(body, &log_id, &lsn, &keep)) {
            found(core, i, RESYNC_FOUND_EMPTY, 0); /* ours, and its values were taken out: worth nothing */
        } else if (!uuid_equal(&log_id, &core->log_id)) {
            foreign(core, i);
        } else {
            bool older = lsn < mark->lsn;
            mark->ever = true;
            mark->lsn = lsn;
            core->instances[i].keep_extras = keep;
            found(core, i, older ? RESYNC_FOUND_OLDER : RESYNC_FOUND_SAME, lsn);
        }
    }
}

/* ---- writing ---- */

static struct block *mark_body(struct core *core, unsigned i, bool create)
{
    char id[UUID_TEXT_SIZE + 1];
    struct mark *mark = &core->instances[i].mark;
    struct buf b;
    uuid_format(&core->log_id, id);
    buf_init(&b, BODY_LIMIT);
    buf_printf(&b, "{%s\"%s\":{\"log\":\"%s\",\"lsn\":%llu,\"keep\":%s}}",
               create ? "\"name\":\"" MARK_NAME "\",\"get_or_create\":true," : "",
               create ? "metadata" : "new_metadata", id, (unsigned long long)mark->writing_lsn,
               core->instances[i].keep_extras ? "true" : "false");
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    CHECK(body != NULL);
    return body;
}

static void build(struct core *core, unsigned i)
{
    static const char named[] = "{\"name\":\"" MARK_TENANT "\"}";
    const struct mark *mark = &core->instances[i].mark;
    struct block *body =
        mark->building == BUILD_COLLECTION ? mark_body(core, i, true) : block_copy(named, sizeof(named) - 1);
    CHECK(body != NULL);
    call_it(core, i, STR("POST"),
            mark->building == BUILD_TENANT     ? STR(MARK_TENANTS)
            : mark->building == BUILD_DATABASE ? STR(MARK_DATABASES)
                                               : STR(MARK_COLLECTIONS),
            body);
    block_unref(body);
}

static void rewrite(struct core *core, unsigned i)
{
    char id[UUID_TEXT_SIZE + 1];
    struct buf target;
    uuid_format(&core->instances[i].mark.uuid, id);
    buf_init(&target, BODY_LIMIT);
    buf_printf(&target, MARK_COLLECTIONS "/%s", id);
    struct block *body = mark_body(core, i, false);
    call_it(core, i, STR("PUT"), buf_str(&target), body);
    block_unref(body);
    buf_deinit(&target);
}

static void write_mark(struct core *core, unsigned i)
{
    struct mark *mark = &core->instances[i].mark;
    if (mark->building == BUILD_DONE) {
        rewrite(core, i);
    } else {
        build(core, i);
    }
}

void mark_durable(struct core *core)
{
    if (core->log_id_lsn == 0 || core->log_id_lsn > core->durable_lsn) {
        return;
    }
    core->log_id_lsn = 0;
    for (unsigned i = 0; i < core->instance_count; i++) {
        mark_timer(core, i);
    }
}

/* While something has to be verified or copied there, the old mark stays: a restart begins anew from it.  One
 * that is overdue is written once more as it was: can it be, what came after it is verified. */
void mark_timer(struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    struct mark *mark = &core->instances[i].mark;
    if (mark->stage != MARK_READ || mark->call != 0) {
        return;
    }
    if (core->log_id_lsn > core->durable_lsn) {
        timer_set(core, &mark->timer,
                  core->now_ns + NS_PER_S); /* a mark of a forgotten id would be foreign */
        return;
    }
    timer_set(core, &mark->timer, core->now_ns + MARK_INTERVAL_NS);
    if (instance->state == INSTANCE_UP && mark->building == BUILD_DONE && mark->ever && !mark->looked_at) {
        mark->looked_at = true; /* before it is written again: a restart that nobody noticed shows here */
        call_it(core, i, STR("GET"), STR(MARK_COLLECTIONS "/" MARK_NAME), NULL);
        return;
    }
    mark->looked_at = false;
    uint64_t value = instance->behind_lsn == 0 ? 0 : instance->behind_lsn - 1;
    uint64_t told = value < core->accepted_lsn ? value : core->accepted_lsn;
    bool news = told > mark->lsn || mark->building != BUILD_DONE || !mark->ever;
    if (instance->state == INSTANCE_UP && news && resync_is_clean(core, i)) {
        mark->writing_lsn = mark->overdue ? mark->lsn : value;
        write_mark(core, i);
    }
}

/* The mark as it stands, while all seems well. */
static void looked_at(struct core *core, unsigned i, int status, struct str body)
{
    struct mark *mark = &core->instances[i].mark;
    struct uuid log_id;
    struct str message;
    uint64_t lsn = 0;
    bool keep;
    bool read = status == 200 && read_mark(body, &log_id, &lsn, &keep);
    if (status == 404 && verdict_chroma_error(body, &message)) {
        health_lost(core, i, "its mark is gone");
    } else if (read && (lsn < mark->lsn || !uuid_equal(&log_id, &core->log_id))) {
        health_lost(core, i, "its mark is not the one that was left there");
    } else if (read) {
        mark_timer(core, i);
    } else {
        mark->looked_at = false;
        mark->overdue = true;
    }
}

static void written(struct core *core, unsigned i, int status, struct str body)
{
    struct mark *mark = &core->instances[i].mark;
    struct str message;
    bool good = status >= 200 && status < 300;
    bool taken = status == 409 && verdict_chroma_error(body, &message);
    if (mark->building == BUILD_DONE && good && mark->overdue) {
        mark->overdue = false;
        resync_unnoticed(core, i, mark->lsn);
    } else if (mark->building == BUILD_DONE && good) {
        mark->ever = true;
        mark->began_anew = false;
        mark->lsn = mark->writing_lsn;
        (void)append_record(core, i, mark->lsn, false);
    } else if (mark->building == BUILD_DONE && status == 404 && verdict_chroma_error(body, &message)) {
        health_lost(core, i, "its mark is gone");
    } else if (mark->building == BUILD_COLLECTION && good && learn_object_id(body, &mark->uuid)) {
        /* Perhaps it stood there already, with another value. */
        mark->has_uuid = true;
        mark->building = BUILD_DONE;
        write_mark(core, i);
    } else if (mark->building < BUILD_COLLECTION && (good || taken)) {
        mark->building++;
        write_mark(core, i);
    } else {
        mark->overdue = mark->ever;
    }
}

void mark_end(struct core *core, struct call *call, const struct core_event *event)
{
    unsigned i = call->instance;
    struct mark *mark = &core->instances[i].mark;
    if (mark->call != call->id) {
        return;
    }
    mark->call = 0;
    bool answered = event->u.call_end.outcome == CALL_ANSWERED && event->u.call_end.head != NULL;
    int status = answered ? event->u.call_end.head->status : 0;
    struct str body = answered ? block_str(event->u.call_end.body) : STR("");
    if (mark->stage == MARK_READING) {
        was_read(core, i, status, body);
    } else if (mark->looked_at) {
        looked_at(core, i, status, body);
    } else {
        written(core, i, status, body);
    }
}
