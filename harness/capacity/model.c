#include "harness/capacity/model.h"

#include "base/block.h"
#include "base/check.h"
#include "base/units.h"
#include "harness/capacity/drain.h"
#include "harness/capacity/limits.h"
#include "mockchroma/core/latency.h"
#include "proxy/core/records.h"
#include "proxy/core/state.h"
#include "proxy/wal/frame.h"
#include <math.h>

#define DRAWS        20000u /* of a latency profile: their mean is steady to a per cent */
#define MANY_RECORDS 101u
#define SPARES       2.0 /* files prepared or recycled beside the log, at most (docs/log-format.md) */
#define HALF         0.5 /* of WAL_MAX_BYTES has to be free for WAL_RETAIN */
/* What malloc puts beside each block that it hands out. */
#define ALLOCATOR_BYTES 16.0
#define BYTES_WORDS     32
#define BYTES_TOLD      1e18 /* what is beyond is wrong whatever it is */

const struct capacity_guide_example capacity_guide_examples[CAPACITY_GUIDE_EXAMPLES] = {
    { "Light load", 5, 10, 60 },
    { "Medium load", 20, 50, 30 },
    { "Heavy load", 100, 200, 15 },
};

const char *const capacity_store_names[] = { "memory", "disk", NULL };

double capacity_guide_mb(double write_kb, double writes_per_minute, double outage_minutes)
{
    double total_writes = writes_per_minute * outage_minutes;
    double total_memory_kb = total_writes * write_kb;
    return total_memory_kb / 1024;
}

void capacity_question_init(struct capacity_question *q)
{
    struct settings_draft draft;
    const struct capacity_guide_example *medium = &capacity_guide_examples[1];
    settings_draft_init(&draft);
    *q = (struct capacity_question){
        .settings = draft.values,
        .load = { .write_bytes = medium->write_kb * 1024,
                  .records = 1,
                  .per_second = medium->per_minute / 60,
                  .outage_s = medium->minutes * 60,
                  .collections = 4,
                  .request_id_bytes = UUID_TEXT_SIZE },
    };
}

/* ---- what may be asked ---- */

static int within(const char *what, double value, const char *unit, double low, double high,
                  struct errmsg *msg)
{
    if (value >= low && value <= high) {
        return 0;
    }
    return error_set(msg, ERR_LIMIT, "%s of %g%s: allowed is %g to %g%s", what, value, unit, low, high, unit);
}

static const char *bytes_words(double bytes, char out[BYTES_WORDS])
{
    units_format_size(bytes > 0 ? (uint64_t)fmin(bytes, BYTES_TOLD) : 0, out, BYTES_WORDS);
    return out;
}

static int within_bytes(const char *what, double bytes, double low, double high, struct errmsg *msg)
{
    char said[BYTES_WORDS];
    char least[BYTES_WORDS];
    char most[BYTES_WORDS];
    if (bytes >= low && bytes <= high) {
        return 0;
    }
    return error_set(msg, ERR_LIMIT, "%s of %s: allowed is %s to %s", what, bytes_words(bytes, said),
                     bytes_words(low, least), bytes_words(high, most));
}

int capacity_check(const struct capacity_question *q, struct errmsg *msg)
{
    const struct capacity_load *l = &q->load;
    int err = within_bytes("a write", l->write_bytes, 1, CAPACITY_WRITE_BYTES_MAX, msg);
    err = err != 0 ? err : within("a rate", l->per_second, "/s", CAPACITY_RATE_MIN, CAPACITY_RATE_MAX, msg);
    err = err != 0
              ? err
              : within("an outage", l->outage_s, " s", CAPACITY_OUTAGE_S_MIN, CAPACITY_OUTAGE_S_MAX, msg);
    err = err != 0 ? err
                   : within("a number of collections", l->collections, "", 1, CAPACITY_COLLECTIONS_MAX, msg);
    err = err != 0 ? err
                   : within("a number of records in a write", l->records, "", 1, CAPACITY_RECORDS_MAX, msg);
    if (err == 0 && q->costs.bandwidth != 0) {
        err = within_bytes("a bandwidth (a second)", q->costs.bandwidth, CAPACITY_BANDWIDTH_MIN,
                           CAPACITY_BANDWIDTH_MAX, msg);
    }
    return err;
}

/* ---- costs ---- */

static double mean_s(const struct latency_profile *profile, size_t records, double *spread_s)
{
    struct prng prng;
    double sum = 0;
    double squares = 0;
    prng_seed(&prng, 1);
    for (unsigned i = 0; i < DRAWS; i++) {
        double s = (double)latency_draw(profile, &prng, OP_ADD, records) / (double)NS_PER_S;
        sum += s;
        squares += s * s;
    }
    double mean = sum / DRAWS;
    double variance = squares / DRAWS - mean * mean;
    *spread_s = variance > 0 ? sqrt(variance) : 0;
    return mean;
}

int capacity_costs_of_profile(const char *name, struct capacity_costs *out, struct errmsg *msg)
{
    const struct latency_profile *profile = latency_profile_find(name, msg);
    double spread_s = 0;
    if (profile == NULL) {
        return ERR_INVALID;
    }
    double one = mean_s(profile, 1, &spread_s);
    double record = (mean_s(profile, MANY_RECORDS, &spread_s) - one) / (MANY_RECORDS - 1);
    *out = (struct capacity_costs){ .request_s = one - record, .record_s = record, .spread_s = spread_s };
    return 0;
}

/* ---- one write ---- */

static struct record_write typical_record(const struct capacity_load *load, char *id)
{
    size_t size =
        (size_t)load->request_id_bytes < UUID_TEXT_SIZE ? (size_t)load->request_id_bytes : UUID_TEXT_SIZE;
    (void)memset(id, '0', UUID_TEXT_SIZE);
    return (struct record_write){
        .op = OP_ADD,
        .method = STR("POST"),
        .target = STR("/api/v2/tenants/default_tenant/databases/default_database/collections/"
                      "00000000-0000-0000-0000-000000000000/add"),
        .content_type = STR("application/json"),
        .request_id = str_make(id, size),
        .tenant = STR("default_tenant"),
        .database = STR("default_database"),
    };
}

static double commit_bytes(double meta, double body)
{
    double frames = (double)wal_record_encoded_size((uint64_t)meta, (uint64_t)body);
    return ceil(frames / WAL_SECTOR_BYTES) * WAL_SECTOR_BYTES;
}

static double decided_meta_bytes(void)
{
    struct record_decided decided = {
        .lsn = 1, .accepted = true, .acknowledged = true, .by = 1, .status = 201
    };
    struct block *block = record_decided_encode(&decided);
    double size = (double)block_str(block).size;
    block_unref(block);
    return size;
}

/* Nobody waits for this one: it rides along with others. */
static double applied_bytes(void)
{
    struct record_applied applied = { .lsn = 1 };
    struct block *block = record_applied_encode(&applied);
    double size = (double)wal_record_encoded_size(block_str(block).size, 0);
    block_unref(block);
    return size;
}

static void one_write(const struct capacity_question *q, struct capacity_forecast *f)
{
    char id[UUID_TEXT_SIZE];
    struct record_write record = typical_record(&q->load, id);
    f->meta_bytes = (double)record_write_size(&record);
    f->memory_per_write = q->load.write_bytes + f->meta_bytes;
    f->bookkeeping_per_write =
        (double)(sizeof(struct entry) + sizeof(struct entry_near) + 2 * sizeof(struct block)) +
        3 * ALLOCATOR_BYTES;
    f->log_per_write =
        commit_bytes(f->meta_bytes, q->load.write_bytes) + commit_bytes(decided_meta_bytes(), 0);
    f->log_per_replay = applied_bytes();
}

/* ---- the outage ---- */

static bool in_memory(const struct capacity_question *q)
{
    return q->settings.wal_mode == WAL_MODE_MEMORY;
}

/* Whatever stands in the log when the outage begins. */
static double log_before(const struct capacity_question *q, const struct capacity_forecast *f)
{
    double kept = q->costs.log_start_bytes;
    if (q->load.before) {
        double retain_s = (double)q->settings.wal_retain_ns / (double)NS_PER_S;
        kept += retain_s * q->load.per_second * (f->log_per_write + f->log_per_replay);
    }
    double most = HALF * (double)q->settings.wal_max_bytes;
    return kept < most ? kept : most;
}

static double log_growth(const struct capacity_question *q, const struct capacity_forecast *f)
{
    return q->load.per_second * f->log_per_write + q->costs.log_bytes_per_s;
}

/* When a quantity that grows evenly gets to a limit. */
static double reaches_s(double start, double per_s, double limit)
{
    return start >= limit ? 0 : per_s <= 0 ? (double)INFINITY : (limit - start) / per_s;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

/* share: of the quota. */
static double quota_reached_s(const struct capacity_question *q, const struct capacity_forecast *f,
                              double share, enum capacity_bound *bound)
{
    const struct settings *s = &q->settings;
    double by_writes = reaches_s(0, q->load.per_second, share * (double)s->wal_max_writes);
    double by_bytes =
        in_memory(q)
            ? reaches_s(0, q->load.per_second * f->memory_per_write, share * (double)s->wal_memory_bytes)
            : reaches_s(log_before(q, f), log_growth(q, f), share * (double)s->wal_max_bytes);
    *bound = by_writes <= by_bytes ? CAPACITY_BY_WRITES : in_memory(q) ? CAPACITY_BY_MEMORY : CAPACITY_BY_LOG;
    return least(by_writes, by_bytes);
}

static void fill(const struct capacity_question *q, struct capacity_forecast *f)
{
    const struct capacity_load *load = &q->load;
    enum capacity_bound bound;
    f->offered = floor(load->per_second * load->outage_s + 1e-9); /* 10/60 * 3600 is 600 */
    f->until_refused_s = quota_reached_s(q, f, 1, &bound);
    f->until_throttle_s = quota_reached_s(q, f, q->settings.throttle_start, &f->bound);
    f->until_spill_s = in_memory(q) ? (double)INFINITY
                                    : reaches_s(0, load->per_second * f->memory_per_write,
                                                (double)q->settings.wal_memory_bytes);
    bool full = f->until_refused_s <= load->outage_s;
    f->bound = full ? bound : CAPACITY_FITS;
    f->accepted = full ? least(f->offered, floor(load->per_second * f->until_refused_s)) : f->offered;
    f->refused = f->offered - f->accepted;
}

static void weigh(const struct capacity_question *q, struct capacity_forecast *f)
{
    const struct settings *s = &q->settings;
    double all = f->accepted * f->memory_per_write;
    double near = in_memory(q) ? f->accepted
                               : least(f->accepted, floor((double)s->wal_memory_bytes / f->memory_per_write));
    f->spilled = f->accepted - near;
    f->memory_bytes = least(all, near * f->memory_per_write);
    f->resident_bytes =
        near * (f->memory_per_write + f->bookkeeping_per_write) + f->spilled * (double)sizeof(struct entry);
    double log = log_before(q, f) + f->accepted * (f->log_per_write + f->log_per_replay) +
                 q->load.outage_s * q->costs.log_bytes_per_s;
    f->log_bytes = in_memory(q) ? 0 : least(log, (double)s->wal_max_bytes);
    double segment = (double)s->wal_segment_bytes;
    f->disk_bytes = in_memory(q) ? 0 : ceil(f->log_bytes / segment) * segment + SPARES * segment;
}

void capacity_forecast(const struct capacity_question *q, struct capacity_forecast *f)
{
    *f = (struct capacity_forecast){ 0 };
    one_write(q, f);
    fill(q, f);
    weigh(q, f);
    f->notice_s =
        (double)q->settings.check_interval_ns / (double)NS_PER_S * (double)q->settings.recovery_threshold;
    struct capacity_drain drain;
    capacity_drain(q, f->accepted, &drain);
    f->drain_s = drain.seconds;
    f->replay_requests = drain.requests;
    bool ends = drain.seconds > 0 && !isinf(drain.seconds);
    f->replay_per_second = ends ? drain.writes / drain.seconds : 0;
    f->busy_share = ends ? drain.busy_s / drain.seconds : 0;
    f->link_share = ends ? drain.link_s / drain.seconds : 0;
}

/* ---- budgets ---- */

double capacity_need_bytes(const struct capacity_forecast *f, enum capacity_store store)
{
    return store == CAPACITY_MEMORY ? f->resident_bytes : f->disk_bytes;
}

/* Without limits of its own: the budget is the limit. */
double capacity_safe_outage_s(const struct capacity_question *q, enum capacity_store store,
                              double budget_bytes)
{
    struct capacity_forecast f = { 0 };
    one_write(q, &f);
    const struct settings *s = &q->settings;
    if (store == CAPACITY_DISK) {
        double room = budget_bytes - (SPARES + 1) * (double)s->wal_segment_bytes - log_before(q, &f);
        return in_memory(q) ? (double)INFINITY : room <= 0 ? 0 : room / log_growth(q, &f);
    }
    double near = q->load.per_second * (f.memory_per_write + f.bookkeeping_per_write);
    double until_spill_s = (double)s->wal_memory_bytes / (q->load.per_second * f.memory_per_write);
    if (in_memory(q) || budget_bytes <= near * until_spill_s) {
        return budget_bytes / near;
    }
    /* All that may be in memory fits; beyond it a write costs its entry. */
    return until_spill_s +
           (budget_bytes - near * until_spill_s) / (q->load.per_second * (double)sizeof(struct entry));
}

enum capacity_bound capacity_first_bound(const struct capacity_question *q)
{
    struct capacity_forecast f = { 0 };
    enum capacity_bound bound;
    one_write(q, &f);
    (void)quota_reached_s(q, &f, 1, &bound);
    return bound;
}

const char *capacity_bound_words(enum capacity_bound bound)
{
    switch (bound) {
        case CAPACITY_FITS:
            return "nothing is refused in this outage";
        case CAPACITY_BY_MEMORY:
            return "WAL_MEMORY_BYTES is full (WAL_MODE=memory): new writes are refused with 507";
        case CAPACITY_BY_LOG:
            return "WAL_MAX_BYTES is full: new writes are refused with 507";
        case CAPACITY_BY_WRITES:
            return "WAL_MAX_WRITES are pending: new writes are refused with 507";
    }
    return "";
}
