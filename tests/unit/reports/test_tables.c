/* report.md and series.csv: short enough for a pull request, and a table that a spreadsheet reads. */
#include "base/memory.h"
#include "reports/formats.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/sample_run.h"
#include <stdio.h>
#include <string.h>

static size_t lines_of(struct str text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text.size; i++) {
        lines += text.data[i] == '\n';
    }
    return lines;
}

static void add_many(struct results *r, size_t failed, size_t held)
{
    for (size_t i = 0; i < failed + held; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "check %zu", i);
        (void)sample_assert(r, ASSERT_EXPECT, name, i >= failed, "this\nand\nthat", "something\nelse");
    }
}

static void add_steps(struct results *r, size_t count)
{
    r->steps = mem_realloc(r->steps, (r->step_count + count) * sizeof(*r->steps));
    for (size_t i = 0; i < count; i++) {
        r->steps[r->step_count++] = (struct step_result){ .name = mem_strdup("a\nb"),
                                                          .command = mem_strdup("GET\n/"),
                                                          .outcome = mem_strdup("answered"),
                                                          .output = mem_strdup("x\ny\nz"),
                                                          .passed = true };
    }
}

static void markdown_is_short_whatever_there_is_to_say(void)
{
    static const struct {
        size_t failed, held, steps;
        bool lost;
    } runs[] = { { 0, 0, 0, false },
                 { 200, 300, 90, true },
                 { 1, 10, 3, false },
                 { 0, 100, 0, false },
                 { 13, 0, 40, true } };
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        struct sample_run s;
        struct figures f;
        struct buf out;
        sample_run_init(&s);
        add_many(&s.results, runs[i].failed, runs[i].held);
        add_steps(&s.results, runs[i].steps);
        s.history.lb_lost_queue = runs[i].lost;
        results_add_missing(&s.results, "the %s", "half");
        results_add_missing(&s.results, "the rest");
        figures_init(&f, &s.results);
        buf_init(&out, (size_t)1 << 20);
        report_markdown(&out, &s.results, &f);
        CU_ASSERT_TRUE(lines_of(buf_str(&out)) <= REPORT_MARKDOWN_LINES);
        CU_ASSERT_TRUE(lines_of(buf_str(&out)) > 20);
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "Missing: the half; the rest."));
        if (runs[i].failed > 12) {
            CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "more failed: see report.html"));
        }
        if (runs[i].steps > 3) {
            CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "more in report.html."));
        }
        buf_deinit(&out);
        figures_deinit(&f);
        sample_run_deinit(&s);
    }
}

static size_t cells_of(struct str line)
{
    size_t cells = 1;
    bool quoted = false;
    for (size_t i = 0; i < line.size; i++) {
        quoted = line.data[i] == '"' ? !quoted : quoted;
        cells += line.data[i] == ',' && !quoted;
    }
    return cells;
}

static void csv_has_a_row_for_each_sample(void)
{
    struct sample_run s;
    struct figures f;
    struct buf out;
    sample_run_init(&s);
    mem_free(s.results.phases[1].name);
    s.results.phases[1].name = mem_strdup("out, \"age\"");
    s.history.samples[100].answered = false;
    figures_init(&f, &s.results);
    buf_init(&out, (size_t)4 << 20);
    report_csv(&out, &s.results, &f);
    struct str rest = buf_str(&out);
    struct str head = str_cut(rest, '\n', &rest);
    CU_ASSERT_TRUE(str_starts(head, STR("at_s,phase,faults,primary,replica,balancer,replaying,pending,")));
    size_t rows = 0;
    while (rest.data != NULL && rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        CU_ASSERT_EQUAL(cells_of(line), cells_of(head));
        rows++;
    }
    CU_ASSERT_EQUAL(rows, SAMPLE_SECONDS);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        buf_text(&out), "\n359.000,\"out, \"\"age\"\"\",\"primary-off\",no,yes,yes,no,300,299,0,0,307200,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(
        buf_text(&out), "\n100.000,\"out, \"\"age\"\"\",\"primary-off\",unknown,unknown,no,unknown,,,,,,,,"));
    buf_deinit(&out);
    figures_deinit(&f);
    sample_run_deinit(&s);
}

static const struct suite_test tests[] = {
    { "report.md has at most sixty lines, whatever there is to say",
      markdown_is_short_whatever_there_is_to_say },
    { "series.csv has a row for each sample", csv_has_a_row_for_each_sample },
};
TEST_MAIN("tables of a report", tests)
