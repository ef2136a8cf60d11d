/* What a report of a long history costs, and how large its page gets.
 *
 *   bench_report DIR [ROUNDS]
 *
 * Histories of a hundred thousand and of a million operations, with the effects of their writes on both
 * instances, one failure in a hundred, and a sample of /status every hundred operations. Each is reported
 * from memory, as waldrill run does it, and from its events.jsonl alone, as waldrill report does it. */
#include "base/memory.h"
#include "base/prng.h"
#include "base/units.h"
#include "bench/measure.h"
#include "reports/report.h"
#include "reports/source.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SMALL       100000u
#define LARGE       1000000u
#define COLLECTIONS 16u
#define RECORDS     20000u
#define ROUNDS_MAX  31u
#define STEP_NS     ((int64_t)NS_PER_S / 100)
#define PATH_BYTES  1024

struct run {
    struct history history;
    struct results results;
    char folder[PATH_BYTES];
};

static void add_effects(struct history *h, const struct op_record *op)
{
    for (uint32_t instance = 0; instance < 2; instance++) {
        struct effect_record *e = history_add_effect(h);
        e->instance = instance;
        e->op = op->op;
        e->tag = op->tag;
        e->collection = op->collection;
        e->record = op->record;
        e->received_ns = e->applied_ns = op->sent_ns + STEP_NS / 5;
        e->real_status = 200;
    }
}

static void add_operation(struct history *h, struct prng *prng, uint32_t i)
{
    static const enum chroma_op kinds[] = { OP_ADD, OP_UPSERT, OP_DELETE, OP_GET, OP_QUERY };
    enum chroma_op kind = kinds[prng_between(prng, 0, 4)];
    bool fails = prng_chance(prng, 1, 100);
    struct op_record *op = history_add_op(h);
    int64_t at_ns = i * STEP_NS;
    *op = (struct op_record){ .tag = i + 1,
                              .op = kind,
                              .collection = (uint32_t)prng_between(prng, 0, COLLECTIONS - 1),
                              .record = (uint32_t)prng_between(prng, 0, RECORDS - 1),
                              .planned_ns = at_ns,
                              .sent_ns = at_ns,
                              .done_ns = at_ns + (int64_t)prng_between(prng, NS_PER_MS, 200 * NS_PER_MS),
                              .outcome = OP_ANSWERED,
                              .status = fails ? 503 : 200 };
    if (chroma_op_is_write(kind) && !fails) {
        add_effects(h, op);
    }
}

static void add_sample(struct history *h, struct prng *prng, int64_t at_ns)
{
    struct status_sample *s = history_add_sample(h);
    s->at_ns = at_ns;
    s->answered = s->healthy[1] = true;
    s->healthy[0] = !prng_chance(prng, 1, 50);
    s->pending_writes = (double)prng_between(prng, 0, 1000);
    s->oldest_pending_s = (double)prng_between(prng, 0, 300);
    s->memory_bytes = s->pending_writes * 1024;
}

static void make(struct run *run, const char *folder, uint32_t count)
{
    struct prng prng;
    prng_seed(&prng, 7);
    history_init(&run->history);
    results_init(&run->results);
    run->history.loads = mem_alloc_array(1, sizeof(*run->history.loads));
    run->history.loads[0].name = "load";
    run->history.load_count = 1;
    for (uint32_t c = 0; c < COLLECTIONS; c++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "docs-%" PRIu32, c);
        (void)history_collection(&run->history, name);
    }
    for (uint32_t i = 0; i < count; i++) {
        add_operation(&run->history, &prng, i);
        if (i % 100 == 0) {
            add_sample(&run->history, &prng, i * STEP_NS);
        }
    }
    run->results.scenario = mem_strdup("long");
    run->results.verdict_words = mem_strdup("A long run.");
    run->results.history = &run->history;
    run->results.simulated_ns = count * STEP_NS;
    (void)snprintf(run->folder, sizeof(run->folder), "%s/%" PRIu32, folder, count);
}

static double seconds_since(uint64_t begun_ns)
{
    return (double)(bench_now_ns() - begun_ns) / 1e9;
}

static double report(const struct run *run)
{
    struct errmsg msg = { "" };
    uint64_t begun_ns = bench_now_ns();
    if (report_write(run->folder, &run->results, &msg) != 0) {
        bench_die(msg.text);
    }
    return seconds_since(begun_ns);
}

/* From events.jsonl alone: the longest way. */
static double report_again(const char *events)
{
    struct report_source source;
    struct errmsg msg = { "" };
    char folder[PATH_BYTES + 32];
    (void)snprintf(folder, sizeof(folder), "%s.again", events);
    uint64_t begun_ns = bench_now_ns();
    if (report_source_open(&source, events, &msg) != 0 ||
        report_rewrite(folder, &source.results, &source.figures, true, &msg) != 0) {
        bench_die(msg.text);
    }
    double took = seconds_since(begun_ns);
    report_source_close(&source);
    return took;
}

static double megabytes(const char *folder, const char *name)
{
    char path[PATH_BYTES + 32];
    struct stat info;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (stat(path, &info) != 0) {
        bench_die(path);
    }
    return (double)info.st_size / 1e6;
}

static void measure(const char *folder, uint32_t count, unsigned rounds, double *from_memory,
                    double *from_events)
{
    struct run run;
    double memory[ROUNDS_MAX];
    double events[ROUNDS_MAX];
    char path[PATH_BYTES + 16];
    make(&run, folder, count);
    run.results.formats |= REPORT_EVENTS;
    (void)report(&run);
    (void)snprintf(path, sizeof(path), "%s.events.jsonl", run.folder);
    char made[PATH_BYTES + 16];
    (void)snprintf(made, sizeof(made), "%s/events.jsonl", run.folder);
    if (rename(made, path) != 0) {
        bench_die(path);
    }
    run.results.formats = REPORT_ALL;
    for (unsigned r = 0; r < rounds; r++) {
        memory[r] = report(&run);
        events[r] = report_again(path);
    }
    *from_memory = bench_median(memory, rounds);
    *from_events = bench_median(events, rounds);
    (void)printf("  %7" PRIu32
                 " operations: report %.2f s, from events.jsonl (%.0f MB) %.2f s; "
                 "report.html %.2f MB, results.json %.2f MB\n",
                 count, *from_memory, megabytes(folder, strrchr(path, '/') + 1), *from_events,
                 megabytes(run.folder, "report.html"), megabytes(run.folder, "results.json"));
    results_deinit(&run.results);
    history_deinit(&run.history);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 3;
    double small[2];
    double large[2];
    if (argc < 2 || rounds == 0 || rounds > ROUNDS_MAX) {
        bench_die("bench_report DIR [ROUNDS], 1 to 31");
    }
    measure(argv[1], SMALL, rounds, &small[0], &small[1]);
    measure(argv[1], LARGE, rounds, &large[0], &large[1]);
    (void)printf(
        "10 times the operations: %.1f times from memory, %.1f times from events.jsonl (aims for a million: "
        "10 s, a page of 5 MB)\n",
        large[0] / small[0], large[1] / small[1]);
    return 0;
}
