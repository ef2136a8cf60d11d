/* A scenario's text parsed, and what was said about a wrong one. */
#ifndef WALDRILL_TESTS_UNIT_SCENARIO_PARSED_H
#define WALDRILL_TESTS_UNIT_SCENARIO_PARSED_H

#include "base/buf.h"
#include "base/memory.h"
#include "harness/scenario/scenario.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define HEAD "scenario: x\nphases: [ { name: warmup, for: 1m }, { name: outage, for: 5m } ]\n"

/* Everything that is said about a text, as a person sees it; the caller frees it. */
static inline char *complaints_of(const char *text)
{
    struct yaml_problems problems = { 0 };
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    struct scenario *s = scenario_parse("x.yaml", str_of(text), &problems);
    CU_ASSERT_EQUAL(s == NULL, problems.count > 0);
    yaml_problems_print(&problems, "x.yaml", str_of(text), 20, false, &out);
    char *words = mem_strdup(buf_text(&out));
    buf_deinit(&out);
    yaml_problems_deinit(&problems);
    scenario_free(s);
    return words;
}

/* The text is wrong, and what is said about it holds these words. */
static inline void check_complaint(const char *text, const char *words)
{
    char *said = complaints_of(text);
    if (strstr(said, words) == NULL) {
        (void)fprintf(stderr, "of:\n%s\nexpected: %s\nsaid:\n%s\n", text, words, said);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(said, words));
    mem_free(said);
}

static inline struct scenario *parse(const char *text)
{
    struct yaml_problems problems = { 0 };
    struct scenario *s = scenario_parse("x.yaml", str_of(text), &problems);
    for (size_t i = 0; i < problems.count; i++) {
        (void)fprintf(stderr, "%u:%u: %s\n", problems.items[i].line, problems.items[i].column,
                      problems.items[i].text);
    }
    yaml_problems_deinit(&problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s;
}

#endif
