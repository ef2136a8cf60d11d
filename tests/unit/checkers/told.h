/* Histories made by hand: what clients did, what instances carried out, what /status said.  Times in seconds.
 */
#ifndef WALDRILL_TESTS_UNIT_CHECKERS_TOLD_H
#define WALDRILL_TESTS_UNIT_CHECKERS_TOLD_H

#include "base/memory.h"
#include "base/units.h"
#include "harness/checkers/checkers.h"
#include "tests/lib/suite.h"
#include <stdio.h>

#define PRIMARY 0u
#define REPLICA 1u

struct told {
    struct history h;
    struct checker_input input;
    uint64_t order[2]; /* applications so far */
};

static inline int64_t at_s(double s)
{
    return (int64_t)(s * 1e9);
}

static inline void told_begin(struct told *t)
{
    *t = (struct told){ 0 };
    history_init(&t->h);
    (void)history_collection(&t->h, "docs");
    t->input = (struct checker_input){ .history = &t->h,
                                       .has_replica = true,
                                       .consistency_window_ns = 30 * NS_PER_S };
}

static inline void told_end(struct told *t)
{
    history_deinit(&t->h);
}

/* status 0: the client never had an answer. */
static inline struct op_record *told_op(struct told *t, uint64_t tag, enum chroma_op op, uint32_t record,
                                        double sent, double done, int status)
{
    struct op_record *o = history_add_op(&t->h);
    o->tag = tag;
    o->load = HISTORY_NONE;
    o->op = op;
    o->record = record;
    o->planned_ns = at_s(sent);
    o->sent_ns = at_s(sent);
    o->done_ns = at_s(done);
    o->outcome = status == 0 ? OP_TIMED_OUT : OP_ANSWERED;
    o->status = status;
    o->seen_tag = -1;
    return o;
}

static inline struct effect_record *told_effect(struct told *t, uint32_t instance, uint64_t tag,
                                                enum chroma_op op, uint32_t record, double applied,
                                                int status)
{
    struct effect_record *e = history_add_effect(&t->h);
    e->instance = instance;
    e->op = op;
    e->tag = tag;
    e->record = record;
    e->received_ns = at_s(applied);
    e->applied_ns = at_s(applied);
    e->answered_ns = at_s(applied);
    e->apply_order = ++t->order[instance];
    e->real_status = status;
    return e;
}

/* An acknowledged upsert, applied on both instances a little later. */
static inline void told_upsert(struct told *t, uint64_t tag, uint32_t record, double sent)
{
    (void)told_op(t, tag, OP_UPSERT, record, sent, sent + 0.1, 200);
    (void)told_effect(t, PRIMARY, tag, OP_UPSERT, record, sent + 0.05, 200);
    (void)told_effect(t, REPLICA, tag, OP_UPSERT, record, sent + 0.2, 200);
}

static inline struct status_sample *told_sample(struct told *t, double at, double pending, double oldest_s)
{
    struct status_sample *s = history_add_sample(&t->h);
    s->at_ns = at_s(at);
    s->answered = true;
    s->pending_writes = pending;
    s->oldest_pending_s = oldest_s;
    return s;
}

static inline void told_contents(struct told *t, const char *primary, const char *replica)
{
    mem_free(t->h.content[0]);
    mem_free(t->h.content[1]);
    t->h.content[0] = primary == NULL ? NULL : mem_strdup(primary);
    t->h.content[1] = replica == NULL ? NULL : mem_strdup(replica);
}

/* Judges by one oracle; words: what its text must contain, "|" between, NULL = it must pass. */
static inline void told_judge(const struct told *t, const char *oracle, const char *words)
{
    struct assertion_result result = { 0 };
    size_t at = 0;
    while (at < checker_table_size && strcmp(checker_table[at].name, oracle) != 0) {
        at++;
    }
    CU_ASSERT_TRUE_FATAL(at < checker_table_size);
    checker_table[at].check(&t->input, &result);
    CU_ASSERT_EQUAL(result.passed, words == NULL);
    CU_ASSERT_TRUE(result.expected != NULL && result.expected[0] != '\0');
    char copy[1024];
    (void)snprintf(copy, sizeof(copy), "%s", words == NULL ? "" : words);
    char *rest = NULL;
    for (char *part = strtok_r(copy, "|", &rest); part != NULL; part = strtok_r(NULL, "|", &rest)) {
        if (strstr(result.saw, part) == NULL) {
            (void)printf("    %s: no \"%s\" in: %s\n", oracle, part, result.saw);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(result.saw, part));
    }
    if (words == NULL && !result.passed) {
        (void)printf("    %s: %s\n", oracle, result.saw);
    }
    mem_free(result.expected);
    mem_free(result.saw);
}

static inline void told_all_pass(const struct told *t)
{
    for (size_t i = 0; i < checker_table_size; i++) {
        told_judge(t, checker_table[i].name, NULL);
    }
}

#endif
