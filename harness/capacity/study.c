#include "harness/capacity/study.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <math.h>

#define GIB               (1024.0 * 1024 * 1024)
#define GUIDE_GIB_WRITES  10000.0
#define SECONDS_AN_HOUR   3600.0
#define FAST_CHECK_SHARE  10.0 /* of CHECK_INTERVAL, while an instance is suspected (proxy/core/health.c) */
#define FAST_CHECK_MAX_S  3.0
#define FIRST_TRY_SHARE   3.0 /* of REQUEST_TIMEOUT (DESIGN rule: a third goes to the first attempt) */
#define LOW_PER_MINUTE    30.0
#define MEDIUM_PER_MINUTE 120.0

const double capacity_sweep_kb[CAPACITY_SWEEP] = { 5, 20, 100 };
const double capacity_sweep_per_minute[CAPACITY_SWEEP] = { 10, 50, 200 };
const double capacity_sweep_minutes[CAPACITY_SWEEP] = { 15, 30, 60 };

static const double budgets[CAPACITY_BUDGETS] = { 0.25 * GIB, 1 * GIB, 4 * GIB };
static const char *const columns[CAPACITY_COLUMNS] = { "low", "medium", "high" };
static const uint32_t dimensions[] = { 384, 768, 1536, 3072 };
enum { DIMENSIONS = sizeof(dimensions) / sizeof(dimensions[0]), DOCUMENT_BYTES = 500 };
_Static_assert(CAPACITY_BODIES == DIMENSIONS * BODY_ENCODINGS, "each dimension in each encoding");

void capacity_point(const struct capacity_question *base, double write_kb, double per_minute, double minutes,
                    struct capacity_point *out)
{
    struct capacity_question q = *base;
    q.load.write_bytes = write_kb * 1024;
    q.load.per_second = per_minute / 60;
    q.load.outage_s = minutes * 60;
    *out = (struct capacity_point){ .write_kb = write_kb, .per_minute = per_minute, .minutes = minutes };
    capacity_forecast(&q, &out->forecast);
}

static double whole_write(const struct capacity_forecast *f)
{
    return f->memory_per_write + f->bookkeeping_per_write;
}

static void study_budgets(struct capacity_study *study)
{
    for (size_t i = 0; i < CAPACITY_BUDGETS; i++) {
        struct capacity_question q = study->question;
        study->budgets[i].bytes = budgets[i];
        q.settings.wal_mode = WAL_MODE_MEMORY;
        study->budgets[i].safe_memory_s = capacity_safe_outage_s(&q, CAPACITY_MEMORY, budgets[i]);
        q.settings.wal_mode = WAL_MODE_FILE;
        study->budgets[i].safe_disk_s = capacity_safe_outage_s(&q, CAPACITY_DISK, budgets[i]);
    }
}

static void study_bodies(struct capacity_study *study)
{
    const struct capacity_forecast *f = &study->forecast;
    for (size_t i = 0; i < CAPACITY_BODIES; i++) {
        struct capacity_body_row *row = &study->bodies[i];
        row->shape = (struct body_shape){ .dimension = dimensions[i / BODY_ENCODINGS],
                                          .document_bytes = DOCUMENT_BYTES,
                                          .records = 1,
                                          .encoding = (enum body_encoding)(i % BODY_ENCODINGS) };
        row->bytes = body_bytes(&row->shape);
        row->memory_bytes = row->bytes + f->meta_bytes + f->bookkeeping_per_write;
        row->writes_per_gib = floor(GIB / row->memory_bytes);
    }
    study->writes_per_gib_guide = GUIDE_GIB_WRITES;
    study->writes_per_gib = floor(GIB / whole_write(f));
    study->body_for_guide_gib = GIB / GUIDE_GIB_WRITES - f->meta_bytes - f->bookkeeping_per_write;
}

static double seconds(uint64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

/* FAILURE_THRESHOLD checks fail: the first after an interval at most, the others in a hurry. */
static double noticed(const struct settings *s)
{
    double hurry_s = seconds(s->check_interval_ns) / FAST_CHECK_SHARE;
    hurry_s = hurry_s < FAST_CHECK_MAX_S ? hurry_s : FAST_CHECK_MAX_S;
    return seconds(s->check_interval_ns) + hurry_s * (double)(s->failure_threshold - 1);
}

static void study_columns(struct capacity_study *study)
{
    double per_minute = study->question.load.per_second * 60;
    size_t fits = per_minute < LOW_PER_MINUTE ? 0 : per_minute < MEDIUM_PER_MINUTE ? 1 : 2;
    for (size_t i = 0; i < CAPACITY_COLUMNS; i++) {
        struct settings_draft draft;
        struct errmsg msg = { "" };
        settings_draft_init(&draft);
        int err = settings_set(&draft, STR("PRIMARY_URL"), STR("http://primary"), SETTINGS_FLAG, &msg);
        err = err != 0 ? err
                       : settings_set(&draft, STR("LOAD_PROFILE"), str_of(columns[i]), SETTINGS_FLAG, &msg);
        err = err != 0 ? err : settings_finish(&draft, &msg);
        CHECK(err == 0);
        const struct settings *s = &draft.values;
        study->columns[i] = (struct capacity_column){
            .name = columns[i],
            .window_s = seconds(s->consistency_window_ns),
            .replica_ratio = s->read_replica_ratio,
            .timeout_s = seconds(s->request_timeout_ns),
            .check_s = seconds(s->check_interval_ns),
            .noticed_s = noticed(s),
            .probes_per_hour = SECONDS_AN_HOUR / seconds(s->check_interval_ns),
            .primary_reads_share = 1 - s->read_replica_ratio,
            .first_try_s = seconds(s->request_timeout_ns) / FIRST_TRY_SHARE,
            .fits = i == fits,
        };
    }
}

static void study_sweep(struct capacity_study *study)
{
    study->sweep =
        mem_alloc_array((size_t)CAPACITY_SWEEP * CAPACITY_SWEEP * CAPACITY_SWEEP, sizeof(*study->sweep));
    for (size_t k = 0; k < CAPACITY_SWEEP; k++) {
        for (size_t r = 0; r < CAPACITY_SWEEP; r++) {
            for (size_t m = 0; m < CAPACITY_SWEEP; m++) {
                capacity_point(&study->question, capacity_sweep_kb[k], capacity_sweep_per_minute[r],
                               capacity_sweep_minutes[m], &study->sweep[study->sweep_count++]);
            }
        }
    }
}

static void study_curve(struct capacity_study *study)
{
    const struct capacity_load *load = &study->question.load;
    for (size_t i = 0; i < CAPACITY_CURVE; i++) {
        double minutes = load->outage_s / 60 * 2 * (double)i / (CAPACITY_CURVE - 1);
        capacity_point(&study->question, load->write_bytes / 1024, load->per_second * 60, minutes,
                       &study->curve[i]);
    }
}

void capacity_study(struct capacity_study *study, bool sweep)
{
    const struct capacity_load *load = &study->question.load;
    capacity_forecast(&study->question, &study->forecast);
    study->guide_mb = capacity_guide_mb(load->write_bytes / 1024, load->per_second * 60, load->outage_s / 60);
    for (size_t i = 0; i < CAPACITY_GUIDE_EXAMPLES; i++) {
        const struct capacity_guide_example *e = &capacity_guide_examples[i];
        capacity_point(&study->question, e->write_kb, e->per_minute, e->minutes, &study->guide[i]);
        study->guide[i].name = e->name;
    }
    study_budgets(study);
    study_bodies(study);
    study_columns(study);
    study_curve(study);
    if (sweep) {
        study_sweep(study);
    }
}

void capacity_study_deinit(struct capacity_study *study)
{
    mem_free(study->sweep);
    study->sweep = NULL;
}
