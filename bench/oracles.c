/* What the oracles need for a history: that it is linear in its length.
 *
 *   bench_oracles DIR [ROUNDS]
 *
 * Histories of one and of ten million operations, made of a mix of writes, reads and effects on both instances,
 * without a lie; every oracle judges each.  DIR is not used: nothing is written. */
#include "base/check.h"
#include "base/memory.h"
#include "base/prng.h"
#include "base/units.h"
#include "bench/measure.h"
#include "harness/checkers/checkers.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALL       1000000u
#define LARGE       10000000u
#define COLLECTIONS 16u
#define RECORDS     20000u
#define ROUNDS_MAX  31u
#define STEP_NS     (NS_PER_S / 100)

static void make_effect(struct history *h, const struct op_record *op, uint32_t instance, uint64_t order)
{
    struct effect_record *e = history_add_effect(h);
    e->instance = instance;
    e->op = op->op;
    e->tag = op->tag;
    e->collection = op->collection;
    e->record = op->record;
    e->apply_order = order;
    e->received_ns = op->sent_ns + (int64_t)(STEP_NS / 10);
    e->applied_ns = op->sent_ns + (int64_t)(STEP_NS / 5) + (instance == 0 ? 0 : (int64_t)STEP_NS);
    e->answered_ns = e->applied_ns;
    e->real_status = 200;
}

/* One operation after another, each acknowledged before the next is sent. */
static void make(struct history *h, uint32_t count)
{
    struct prng prng;
    prng_seed(&prng, 7);
    history_init(h);
    for (uint32_t c = 0; c < COLLECTIONS; c++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "docs-%" PRIu32, c);
        (void)history_collection(h, name);
    }
    uint64_t *last = mem_alloc_array((size_t)COLLECTIONS * RECORDS, sizeof(*last));
    for (uint32_t i = 0; i < count; i++) {
        struct op_record *op = history_add_op(h);
        bool writes = prng_chance(&prng, 3, 4);
        *op = (struct op_record){ .tag = i + 1,
                                  .load = 0,
                                  .op = writes ? OP_UPSERT : OP_GET,
                                  .collection = (uint32_t)prng_between(&prng, 0, COLLECTIONS - 1),
                                  .record = (uint32_t)prng_between(&prng, 0, RECORDS - 1),
                                  .sent_ns = (int64_t)(i * STEP_NS),
                                  .done_ns = (int64_t)(i * STEP_NS + STEP_NS / 2),
                                  .outcome = OP_ANSWERED,
                                  .status = 200,
                                  .seen_tag = -1 };
        uint64_t *seen = &last[(size_t)op->collection * RECORDS + op->record];
        if (writes) {
            *seen = op->tag;
            make_effect(h, op, 0, i);
            make_effect(h, op, 1, i);
        } else {
            op->seen_tag = (int64_t)*seen;
        }
        if (i % 100 == 0) {
            struct status_sample *s = history_add_sample(h);
            s->at_ns = op->sent_ns;
            s->answered = s->healthy[0] = s->healthy[1] = true;
            s->oldest_pending_s = -1;
        }
    }
    mem_free(last);
    h->content[0] = mem_strdup("{}");
    h->content[1] = mem_strdup("{}");
}

/* Processor seconds for all oracles: the work is one thread's, and whatever else runs does not count. */
static double judge(const struct history *h, bool tell)
{
    struct checker_input input = { .history = h, .has_replica = true, .consistency_window_ns = 30 * NS_PER_S };
    uint64_t begun_ns = bench_cpu_ns();
    checkers_prepare(&input);
    if (tell) {
        (void)printf("  %-20s %6.3f s\n", "(made ready)", (double)(bench_cpu_ns() - begun_ns) / 1e9);
    }
    for (size_t i = 0; i < checker_table_size; i++) {
        struct assertion_result result = { 0 };
        uint64_t one_ns = bench_cpu_ns();
        checker_table[i].check(&input, &result);
        if (!result.passed) {
            (void)fprintf(stderr, "%s: %s\n", checker_table[i].name, result.saw);
            bench_die("an oracle finds a lie in a history without one");
        }
        if (tell) {
            (void)printf("  %-20s %6.3f s\n", checker_table[i].name, (double)(bench_cpu_ns() - one_ns) / 1e9);
        }
        mem_free(result.expected);
        mem_free(result.saw);
    }
    checkers_release(&input);
    return (double)(bench_cpu_ns() - begun_ns) / 1e9;
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 3;
    double small[ROUNDS_MAX];
    double large[ROUNDS_MAX];
    struct history histories[2];
    if (rounds == 0 || rounds > ROUNDS_MAX) {
        bench_die("ROUNDS is 1 to 31");
    }
    make(&histories[0], SMALL);
    make(&histories[1], LARGE);
    for (unsigned r = 0; r < rounds; r++) {
        small[r] = judge(&histories[0], r == 0);
        large[r] = judge(&histories[1], false);
    }
    double one = bench_median(small, rounds);
    double ten = bench_median(large, rounds);
    (void)printf("1 M operations %.2f s, 10 M %.2f s: %.1f times (aims: 2 s, 11 times)\n", one, ten, ten / one);
    history_deinit(&histories[0]);
    history_deinit(&histories[1]);
    return 0;
}
