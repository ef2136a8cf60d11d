/* The guide's columns of settings against each other, measured: LOAD_PROFILE low, medium and high, each
 * played with the same seeds under the load that is asked about.
 *
 * Three scenarios for each: one under the load, in which the replica falls behind (staleness, and what the
 * primary then has to carry) and the primary hangs (when that is noticed, what clients get meanwhile); and
 * two in which nobody asks for anything: the primary refuses, or it fails its health checks and nothing else.
 */
#include "harness/cli/capacity.h"

#include "base/buf.h"
#include "base/units.h"
#include "harness/checkers/checkers.h"
#include <math.h>
#include <stdio.h>

#define SCENARIO_BYTES      ((size_t)1 << 16)
#define WHAT_CHARS          100
#define PER_MINUTE_MOST     600.0 /* more would say the same, slower */
#define BODY_MOST           65536.0
#define COLLECTIONS_MOST    100.0
#define READS_FOR_A_WRITE   4 /* the guide's reads and writes of its first scenario */
#define RECORDS             20
#define PRIMARY             0u
#define SILENT_BEGINS_S     60u
#define SILENT_LATER_BY_S   13u /* with each seed: a check has been due for another while */
#define GONE                "do: refuse"
#define SICK                "do: respond, status: 503, match: { op: list_collections }"
#define SECONDS_OF_A_MINUTE 60.0

/* The phases of each scenario, in their order. */
enum { LOADED_CALM, LOADED_BEHIND, LOADED_CAUGHT_UP, LOADED_HANG };
enum { SILENT_CALM, SILENT_DOWN };

static void put_topology(struct buf *out, const char *name, const char *profile, const char *column)
{
    buf_printf(out,
               "scenario: %s\n"
               "limits: { wall: 2h, simulated: 24h }\n"
               "topology:\n"
               "  primary: { kind: mock-chroma, latency: %s }\n"
               "  replica: { kind: mock-chroma, latency: %s }\n"
               "  lb: { load_profile: %s }\n",
               name, profile, profile, column);
}

static void put_loaded(struct buf *out, const char *profile, const char *column,
                       const struct capacity_load *load, double per_minute)
{
    put_topology(out, "capacity-loaded", profile, column);
    buf_printf(out,
               "phases:\n"
               "  - { name: calm, for: 5m }\n"
               "  - { name: behind, for: 5m }\n"
               "  - { name: caught-up, until: lb.instances.replica.lag == 0, max: 2h }\n"
               "  - { name: hang, for: 2m }\n"
               "  - { name: back, until: wal.pending_writes == 0 and lb.healthy_instances == 2, max: 2h }\n"
               "load:\n"
               "  writer: { rate: %.17g/min, body: %.0fB, mix: { upsert: 100%% }, collections: %.0f,\n"
               "            records: %d }\n"
               "  reader: { rate: %.17g/min, mix: { get: 100%% } }\n"
               "faults:\n"
               "  - { name: behind, target: replica, during: behind, do: delay, by: %gs, before: apply,\n"
               "      match: { op: write } }\n"
               "  - { name: hang, target: primary, during: hang, do: blackhole }\n",
               per_minute, fmin(load->write_bytes, BODY_MOST), fmin(load->collections, COLLECTIONS_MOST),
               RECORDS, per_minute * READS_FOR_A_WRITE, CAPACITY_BEHIND_S);
}

static void put_silent(struct buf *out, const char *profile, const char *column, const char *fault,
                       unsigned run)
{
    put_topology(out, "capacity-silent", profile, column);
    buf_printf(out,
               "phases:\n"
               "  - { name: calm, for: %us }\n"
               "  - { name: down, for: 4m }\n"
               "  - { name: back, until: wal.pending_writes == 0 and lb.healthy_instances == 2, max: 2h }\n"
               "load:\n"
               "  writer: { rate: 60/min, mix: { upsert: 100%% }, during: calm }\n"
               "faults:\n"
               "  - { name: down, target: primary, during: down, %s }\n",
               SILENT_BEGINS_S + run * SILENT_LATER_BY_S, fault);
}

/* ---- what a history tells ---- */

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

/* NAN, which stands for never, is longer than anything. */
static double longer(double a, double b)
{
    return isnan(a) || isnan(b) ? (double)NAN : fmax(a, b);
}

/* From the beginning of a phase until /status first calls the primary unhealthy; NAN = not in it. */
static double noticed_s(const struct history *h, const struct phase_span *phase)
{
    for (size_t i = 0; i < h->sample_count; i++) {
        const struct status_sample *s = &h->samples[i];
        if (s->at_ns >= phase->start_ns && s->at_ns <= phase->end_ns && s->answered && !s->healthy[PRIMARY]) {
            return seconds(s->at_ns - phase->start_ns);
        }
    }
    return (double)NAN;
}

/* Requests to the primary a minute of that phase. */
static double primary_load(const struct history *h, const struct phase_span *phase)
{
    const struct status_sample *first = NULL;
    const struct status_sample *last = NULL;
    for (size_t i = 0; i < h->sample_count; i++) {
        const struct status_sample *s = &h->samples[i];
        if (s->answered && s->at_ns >= phase->start_ns && s->at_ns <= phase->end_ns) {
            first = first == NULL ? s : first;
            last = s;
        }
    }
    return first == NULL || last->at_ns == first->at_ns
               ? 0
               : (last->requests[PRIMARY] - first->requests[PRIMARY]) / seconds(last->at_ns - first->at_ns) *
                     SECONDS_OF_A_MINUTE;
}

struct sums {
    uint64_t judged, stale, offered, failed;
};

static void add_staleness(const struct history *h, const struct phase_span *behind, struct sums *sums,
                          struct capacity_column_runs *m)
{
    struct checkers_staleness found;
    checkers_staleness(h, behind->start_ns, behind->end_ns, &found);
    sums->judged += found.judged;
    sums->stale += found.stale;
    m->stale_s = fmax(m->stale_s, seconds(found.oldest_ns));
}

static void add_hang(const struct history *h, const struct phase_span *hang, struct sums *sums,
                     struct capacity_column_runs *m)
{
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        if (op->load != HISTORY_NONE && op->planned_ns >= hang->start_ns && op->planned_ns < hang->end_ns) {
            sums->offered++;
            sums->failed += op->outcome != OP_ANSWERED || op->status < 200 || op->status > 299;
            m->slowest_s = op->done_ns == HISTORY_NEVER
                               ? m->slowest_s
                               : fmax(m->slowest_s, seconds(history_latency_ns(h, op)));
        }
    }
}

static void add_loaded(const struct results *r, struct sums *sums, struct capacity_column_runs *m)
{
    const struct history *h = r->history;
    add_staleness(h, &r->phases[LOADED_BEHIND], sums, m);
    add_hang(h, &r->phases[LOADED_HANG], sums, m);
    m->noticed_hang_s = longer(m->noticed_hang_s, noticed_s(h, &r->phases[LOADED_HANG]));
    m->primary_per_minute += primary_load(h, &r->phases[LOADED_CALM]);
    m->primary_behind += primary_load(h, &r->phases[LOADED_BEHIND]);
}

static void add_gone(const struct results *r, struct sums *sums, struct capacity_column_runs *m)
{
    (void)sums;
    m->noticed_gone_s = longer(m->noticed_gone_s, noticed_s(r->history, &r->phases[SILENT_DOWN]));
}

static void add_sick(const struct results *r, struct sums *sums, struct capacity_column_runs *m)
{
    (void)sums;
    m->noticed_sick_s = longer(m->noticed_sick_s, noticed_s(r->history, &r->phases[SILENT_DOWN]));
}

/* ---- playing ---- */

/* One scenario, whose text is given, with one seed. */
typedef void take_run(const struct results *r, struct sums *sums, struct capacity_column_runs *m);

static int play(const struct capacity_play *how, const char *column, const struct buf *text, unsigned run,
                take_run *take, struct sums *sums, struct capacity_column_runs *m, struct errmsg *msg)
{
    struct scenario *s = capacity_scenario("capacity-columns.yaml", text, msg);
    struct history history;
    struct results results;
    char what[WHAT_CHARS];
    if (s == NULL) {
        return ERR_INVALID;
    }
    history_init(&history);
    results_init(&results);
    (void)snprintf(what, sizeof(what), "LOAD_PROFILE %s", column);
    int err = capacity_run(how, s, run + 1, NS_PER_S, what, &history, &results, msg);
    if (err == 0) {
        take(&results, sums, m);
    }
    results_deinit(&results);
    history_deinit(&history);
    scenario_free(s);
    return err;
}

/* Each of the three once. */
static int play_run(const struct capacity_play *how, const struct capacity_load *load, const char *column,
                    unsigned run, struct sums *sums, struct capacity_column_runs *m, struct errmsg *msg)
{
    struct buf text;
    buf_init(&text, SCENARIO_BYTES);
    put_loaded(&text, how->profile, column, load, m->writes_per_minute);
    int err = play(how, column, &text, run, add_loaded, sums, m, msg);
    buf_clear(&text);
    put_silent(&text, how->profile, column, GONE, run);
    err = err != 0 ? err : play(how, column, &text, run, add_gone, sums, m, msg);
    buf_clear(&text);
    put_silent(&text, how->profile, column, SICK, run);
    err = err != 0 ? err : play(how, column, &text, run, add_sick, sums, m, msg);
    buf_deinit(&text);
    return err;
}

static int play_column(const struct capacity_play *how, const struct capacity_load *load,
                       struct capacity_column *column, struct errmsg *msg)
{
    struct capacity_column_runs m = { .writes_per_minute = fmin(load->per_second * 60, PER_MINUTE_MOST) };
    struct sums sums = { 0 };
    int err = 0;
    m.reads_per_minute = m.writes_per_minute * READS_FOR_A_WRITE;
    for (unsigned run = 0; err == 0 && run < how->runs; run++) {
        err = play_run(how, load, column->name, run, &sums, &m, msg);
    }
    if (err == 0) {
        m.runs = how->runs;
        m.stale_share = sums.judged == 0 ? 0 : (double)sums.stale / (double)sums.judged;
        m.failed_share = sums.offered == 0 ? 0 : (double)sums.failed / (double)sums.offered;
        m.primary_per_minute /= how->runs;
        m.primary_behind /= how->runs;
        column->measured = m;
    }
    return err;
}

int capacity_play_columns(const struct capacity_play *how, const struct capacity_load *load,
                          struct capacity_column columns[CAPACITY_COLUMNS], struct errmsg *msg)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < CAPACITY_COLUMNS; i++) {
        err = play_column(how, load, &columns[i], msg);
    }
    for (size_t i = 0; err != 0 && i < CAPACITY_COLUMNS; i++) {
        columns[i].measured.runs = 0; /* one alone compares with nothing */
    }
    return err;
}
