/* See sample_run.h. */
#include "tests/unit/reports/sample_run.h"

#include "base/memory.h"

static bool sample_away(int64_t at_ns)
{
    return at_ns >= 60 * SAMPLE_SECOND && at_ns < 360 * SAMPLE_SECOND;
}

static void sample_op(struct history *h, uint32_t load, enum chroma_op kind, int64_t at_ns, int64_t took_ns)
{
    struct op_record *op = history_add_op(h);
    op->tag = h->op_count;
    op->load = load;
    op->op = kind;
    op->collection = 0;
    op->record = 1;
    op->planned_ns = op->sent_ns = at_ns;
    op->done_ns = at_ns + took_ns;
    op->outcome = OP_ANSWERED;
    op->status = chroma_op_is_write(kind) ? 201 : 200;
    op->queued = chroma_op_is_write(kind) && sample_away(at_ns);
}

static void sample_history(struct history *h)
{
    (void)history_collection(h, "one");
    for (int64_t second = 0; second < SAMPLE_SECONDS; second++) {
        int64_t at_ns = second * SAMPLE_SECOND;
        /* 10 to 19 ms, so that the percentiles of any ten neighbours are known */
        sample_op(h, 0, OP_ADD, at_ns, (10 + second % 10) * (int64_t)NS_PER_MS);
        sample_op(h, 1, OP_GET, at_ns, 2 * (int64_t)NS_PER_MS);
        sample_op(h, 1, OP_GET, at_ns + SAMPLE_SECOND / 2, 3 * (int64_t)NS_PER_MS);
        struct status_sample *s = history_add_sample(h);
        bool away = sample_away(at_ns);
        s->at_ns = at_ns;
        s->answered = true;
        s->pending_writes = away ? (double)(second - 59) : 0;
        s->oldest_pending_s = away ? (double)(second - 60) : -1;
        s->memory_bytes = s->pending_writes * 1024;
        s->healthy[0] = !away;
        s->healthy[1] = true;
        s->total_replayed = second >= 360 ? 300 : 0;
    }
}

struct assertion_result *sample_assert(struct results *r, enum assertion_kind kind, const char *name,
                                       bool passed, const char *expected, const char *saw)
{
    struct assertion_result *a = results_add_assertion(r, kind, name, 12);
    a->passed = passed;
    a->expected = expected == NULL ? NULL : mem_strdup(expected);
    a->saw = saw == NULL ? NULL : mem_strdup(saw);
    return a;
}

static void sample_spans(struct results *r)
{
    static const struct {
        const char *name;
        int64_t start_s, end_s;
    } phases[] = { { "warmup", 0, 60 }, { "outage", 60, 360 }, { "recovery", 360, 600 } };
    r->phase_count = sizeof(phases) / sizeof(phases[0]);
    r->phases = mem_alloc_array(r->phase_count, sizeof(*r->phases));
    for (size_t i = 0; i < r->phase_count; i++) {
        r->phases[i] = (struct phase_span){ mem_strdup(phases[i].name), phases[i].start_s * SAMPLE_SECOND,
                                            phases[i].end_s * SAMPLE_SECOND };
    }
    r->fault_count = 1;
    r->faults = mem_alloc_array(1, sizeof(*r->faults));
    r->faults[0] = (struct fault_span){
        .name = mem_strdup("primary-off"),
        .target = mem_strdup("primary"),
        .what = mem_strdup("refuse"),
        .start_ns = 60 * SAMPLE_SECOND,
        .end_ns = 360 * SAMPLE_SECOND,
        .hits = 8,
        .touches = 2,
    };
    r->step_count = 1;
    r->steps = mem_alloc_array(1, sizeof(*r->steps));
    r->steps[0] = (struct step_result){
        .name = mem_strdup("2. check WAL activation"),
        .command = mem_strdup("GET ${lb}/status"),
        .at_ns = 100 * SAMPLE_SECOND,
        .status = 200,
        .outcome = mem_strdup("answered"),
        .output = mem_strdup("{\"pending_writes\": 40}"),
        .passed = true,
    };
    results_add_event(r, 61 * SAMPLE_SECOND, "writes begin to wait for the primary");
}

void sample_run_init(struct sample_run *s)
{
    struct results *r = &s->results;
    history_init(&s->history);
    results_init(r);
    sample_history(&s->history);
    r->history = &s->history;
    r->scenario = mem_strdup("sample");
    r->title = mem_strdup("A sample of a run");
    r->path = mem_strdup("scenarios/sample.yaml");
    r->runbook = mem_strdup("GUIDE.md#1");
    r->engine = mem_strdup("sim");
    r->seed = 42;
    r->verdict = VERDICT_PASS;
    r->verdict_words = mem_strdup("Nothing acknowledged was lost.");
    r->reproduce = mem_strdup("waldrill run scenarios/sample.yaml --engine sim --seed 42");
    r->simulated_ns = SAMPLE_SECONDS * SAMPLE_SECOND;
    r->wall_seconds = 0.25;
    r->writes_offered = r->writes_accepted = SAMPLE_SECONDS;
    r->writes_queued = 300;
    r->reads_offered = r->reads_ok = (uint64_t)2 * SAMPLE_SECONDS;
    (void)sample_assert(r, ASSERT_EXPECT, "wal.pending_writes == 0", true, "0", "0");
    sample_spans(r);
}

void sample_run_deinit(struct sample_run *s)
{
    results_deinit(&s->results);
    history_deinit(&s->history);
}
