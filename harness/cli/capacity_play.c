/* A point of capacity planning as a scenario: the load for as long as the primary is away, then the draining.
 * Played on an engine as often as makes its mean steady, each time with another seed. */
#include "harness/cli/capacity.h"

#include "base/buf.h"
#include "base/units.h"
#include "harness/capacity/fit.h"
#include <math.h>
#include <stdio.h>

#define SCENARIO_BYTES ((size_t)1 << 16)
#define SAMPLES        400u /* of an outage, or one a second: the peak is missed by a fraction of a per cent */
#define RUNS_MAX       48.0
#define PRIMARY        0u
#define OUTAGE         1u /* the phase */
#define WHAT_CHARS     100

/* What runs of one point add up to. */
struct sums {
    double memory, log, drain, accepted;
    unsigned runs;
};

static struct scenario *make_scenario(const struct capacity_play *play, const struct capacity_point *p,
                                      struct errmsg *msg)
{
    struct buf text;
    buf_init(&text, SCENARIO_BYTES);
    buf_printf(
        &text,
        "scenario: capacity-point\n"
        "limits: { wall: 2h, simulated: 24h }\n"
        "topology:\n"
        "  primary: { kind: mock-chroma, latency: %s }\n"
        "  replica: { kind: mock-chroma, latency: %s }\n"
        "phases:\n"
        "  - { name: warmup, for: 10s }\n"
        "  - { name: outage, for: %.0fs }\n"
        "  - { name: back, until: wal.pending_writes == 0 and lb.healthy_instances == 2, max: 10h }\n"
        "load:\n"
        "  writer: { rate: %.17g/min, body: %.0fB, arrivals: constant, mix: { add: 100%% }, collections: 4,\n"
        "            during: outage }\n"
        "faults:\n"
        "  - { name: down, target: primary, during: outage, do: refuse }\n"
        "expect:\n"
        "  - rate(load.writer.accepted) >= 100%%\n",
        play->profile, play->profile, p->minutes * 60, p->per_minute, p->write_kb * 1024);
    struct scenario *s = capacity_scenario("capacity-point.yaml", &text, msg);
    buf_deinit(&text);
    return s;
}

/* ---- what the history tells ---- */

/* Writes that travelled together arrived at one instant in one collection. */
static void note_request(struct capacity_fit *fit, const struct capacity_point *p, double writes,
                         double busy_s)
{
    if (fit != NULL && writes > 0) {
        capacity_fit_request(fit, writes, writes * p->write_kb * 1024, busy_s);
    }
}

static double seconds(int64_t ns)
{
    return (double)ns / (double)NS_PER_S;
}

/* From the first replayed write's arrival to the last one's effect; adds what each request took to fit. */
static double drain_s(const struct history *h, const struct capacity_point *p, int64_t end_ns,
                      struct capacity_fit *fit)
{
    int64_t first_ns = INT64_MAX;
    int64_t last_ns = end_ns;
    int64_t free_ns = 0;
    const struct effect_record *head = NULL; /* of the request being looked at */
    double writes = 0;
    for (size_t i = 0; i < h->effect_count; i++) {
        const struct effect_record *e = &h->effects[i];
        if (e->instance != PRIMARY || e->received_ns < end_ns || e->op != OP_ADD || e->copied ||
            e->tag == 0) {
            continue;
        }
        if (head != NULL && (e->received_ns != head->received_ns || e->collection != head->collection)) {
            int64_t begun_ns = head->received_ns > free_ns ? head->received_ns : free_ns;
            note_request(fit, p, writes, seconds(last_ns - begun_ns));
            free_ns = last_ns;
            head = NULL;
        }
        writes = head == NULL ? 1 : writes + 1;
        head = head == NULL ? e : head;
        first_ns = e->received_ns < first_ns ? e->received_ns : first_ns;
        last_ns = e->applied_ns > last_ns ? e->applied_ns : last_ns;
    }
    return first_ns == INT64_MAX ? 0 : seconds(last_ns - first_ns);
}

static void add_run(const struct results *r, const struct capacity_point *p, struct sums *sums,
                    struct capacity_fit *fit)
{
    const struct history *h = r->history;
    double memory = 0;
    double log = 0;
    for (size_t i = 0; i < h->sample_count; i++) {
        const struct status_sample *s = &h->samples[i];
        memory = s->answered && s->memory_bytes > memory ? s->memory_bytes : memory;
        log = s->answered && s->wal_bytes > log ? s->wal_bytes : log;
    }
    sums->memory += memory;
    sums->log += log;
    sums->drain += drain_s(h, p, r->phases[OUTAGE].end_ns, fit);
    sums->accepted += (double)r->writes_accepted;
    sums->runs++;
    if (fit != NULL) {
        capacity_fit_log(
            fit, p->minutes * 60,
            log - (double)r->writes_accepted * (p->forecast.log_per_write + p->forecast.log_per_replay));
    }
}

static int play_once(const struct capacity_play *play, const struct scenario *s,
                     const struct capacity_point *p, struct sums *sums, struct capacity_fit *fit,
                     struct errmsg *msg)
{
    uint64_t sample_ns = (uint64_t)(p->minutes * 60 / SAMPLES * (double)NS_PER_S);
    char what[WHAT_CHARS];
    struct history history;
    struct results results;
    history_init(&history);
    results_init(&results);
    (void)snprintf(what, sizeof(what), "%g KB, %g/min, %g min", p->write_kb, p->per_minute, p->minutes);
    int err = capacity_run(play, s, sums->runs + 1, sample_ns > NS_PER_S ? sample_ns : NS_PER_S, what,
                           &history, &results, msg);
    if (err == 0) {
        add_run(&results, p, sums, fit);
    }
    results_deinit(&results);
    history_deinit(&history);
    return err;
}

int capacity_play_point(const struct capacity_play *play, struct capacity_point *p, struct capacity_fit *fit,
                        struct errmsg *msg)
{
    struct sums sums = { 0 };
    struct scenario *s = make_scenario(play, p, msg);
    double wanted = ceil((double)play->requests / (p->forecast.replay_requests + 1));
    wanted = wanted < play->runs ? play->runs : wanted > RUNS_MAX ? RUNS_MAX : wanted;
    int err = s == NULL ? ERR_INVALID : 0;
    while (err == 0 && sums.runs < (unsigned)wanted) {
        err = play_once(play, s, p, &sums, fit, msg);
    }
    scenario_free(s);
    if (err == 0) {
        p->measured = true;
        p->runs = sums.runs;
        p->measured_memory_bytes = sums.memory / sums.runs;
        p->measured_log_bytes = sums.log / sums.runs;
        p->measured_drain_s = sums.drain / sums.runs;
        p->measured_accepted = sums.accepted / sums.runs;
    }
    return err;
}
