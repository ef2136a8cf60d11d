#include "tests/unit/runner/played.h"

#include "base/memory.h"
#include "tests/lib/suite.h"
#include <stdio.h>

struct played *played_new(const char *yaml)
{
    struct played *p = mem_alloc(sizeof(*p));
    struct yaml_problems problems = { 0 };
    p->scenario = scenario_parse("test.yaml", str_of(yaml), &problems);
    for (size_t i = 0; i < problems.count; i++) {
        (void)printf("test.yaml:%u: %s\n", problems.items[i].line, problems.items[i].text);
    }
    yaml_problems_deinit(&problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->scenario);
    fake_engine_init(&p->fake);
    p->fake.fault_hits = 3;
    history_init(&p->history);
    results_init(&p->results);
    return p;
}

enum verdict played_run(struct played *p)
{
    runner_run(p->scenario, &p->fake.base, &p->options, &p->history, &p->results);
    return p->results.verdict;
}

void played_free(struct played *p)
{
    results_deinit(&p->results);
    history_deinit(&p->history);
    scenario_free(p->scenario);
    mem_free(p);
}

const struct assertion_result *failed_of_kind(const struct played *p, enum assertion_kind kind)
{
    for (size_t i = 0; i < p->results.assertion_count; i++) {
        const struct assertion_result *a = &p->results.assertions[i];
        if (a->kind == kind && !a->passed && !a->skipped) {
            return a;
        }
    }
    return NULL;
}
