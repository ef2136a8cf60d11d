/* waldrill report as a program: runs shown anew, compared and listed; what it says and with which exit
 * status. */
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WALDRILL TEST_BIN_DIR "/waldrill"
#define MATRIX   TEST_SOURCE_DIR "/scenarios/incidents/s12c-killed-in-either-mode.yaml"
#define SIMPLE   TEST_SOURCE_DIR "/scenarios/guide/01-primary-down.yaml"
#define SAMPLE   TEST_SOURCE_DIR "/reports/sample"
#define BOUND_MS 20000

static char out[65536];
static char err[65536];
static char folder[128];

static int report(const char *a, const char *b, const char *c, const char *d, const char *e)
{
    const char *const argv[] = { WALDRILL, "report", a, b, c, d, e, NULL };
    return process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS);
}

static const char *path_of(const char *name)
{
    static char path[2][300];
    static unsigned turn;
    turn = 1 - turn; /* two of them at a time are enough */
    (void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static void run_matrix(void)
{
    const char *const argv[] = {
        WALDRILL, "run", MATRIX, "--engine", "sim", "--quiet", "--out", folder, NULL
    };
    CU_ASSERT_EQUAL(process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS), 0);
}

static void several_runs_are_listed(void)
{
    run_matrix();
    CU_ASSERT_EQUAL(access(path_of("index.html"), R_OK), 0);
    CU_ASSERT_EQUAL(unlink(path_of("index.html")), 0);
    CU_ASSERT_EQUAL(report("gallery", folder, NULL, NULL, NULL), 0);
    CU_ASSERT_TRUE(suite_says(out, "2 runs: ") && suite_says(out, "/index.html\n"));
    CU_ASSERT_EQUAL(access(path_of("index.html"), R_OK), 0);
}

static void a_run_is_shown_anew(void)
{
    run_matrix();
    CU_ASSERT_EQUAL(unlink(path_of("lb.wal_mode=file/report.html")), 0);
    CU_ASSERT_EQUAL(unlink(path_of("lb.wal_mode=file/series.csv")), 0);
    CU_ASSERT_EQUAL(report(path_of("lb.wal_mode=file"), NULL, NULL, NULL, NULL), 0);
    CU_ASSERT_TRUE(strncmp(out, "PASS: ", 6) == 0 && suite_is_one_line(out));
    CU_ASSERT_EQUAL(access(path_of("lb.wal_mode=file/report.html"), R_OK), 0);
    CU_ASSERT_EQUAL(access(path_of("lb.wal_mode=file/series.csv"), R_OK), 0);
    CU_ASSERT_EQUAL(access(path_of("lb.wal_mode=file/results.json"), R_OK), 0); /* it stays */
    CU_ASSERT_EQUAL(report(SAMPLE "/results.json", "--out", path_of("there"), NULL, NULL), 0);
    CU_ASSERT_EQUAL(access(path_of("there/results.json"), R_OK), 0);
}

static void two_runs_are_compared(void)
{
    run_matrix();
    /* A log in memory is lost with the balancer: worse than one in a file, and not the other way round. */
    CU_ASSERT_EQUAL(report("diff", path_of("lb.wal_mode=file"), path_of("lb.wal_mode=memory"), NULL, NULL),
                    1);
    CU_ASSERT_TRUE(suite_says(out, "  WORSE    lost with memory"));
    CU_ASSERT_EQUAL(report("diff", SAMPLE, SAMPLE, "--band", "0%"), 0);
    CU_ASSERT_TRUE(suite_says(out, "0 worse, 0 better, 0 differ otherwise"));
    CU_ASSERT_EQUAL(report("diff", SAMPLE, SAMPLE, "--markdown", "--all"), 0);
    CU_ASSERT_TRUE(suite_says(out, "## No worse: ") && suite_says(out, "| same | verdict | PASS | PASS |"));
}

static void several_runs_before_measure_the_noise(void)
{
    run_matrix();
    const char *file = path_of("lb.wal_mode=file");
    const char *memory = path_of("lb.wal_mode=memory");
    CU_ASSERT_EQUAL(report("diff", file, file, memory, NULL), 1);
    CU_ASSERT_TRUE(suite_says(out, "A1: ") && suite_says(out, "A2: ") && suite_says(out, "\nB: "));
    CU_ASSERT_TRUE(suite_says(out, "within what 2 runs reached before\n"));
    CU_ASSERT_TRUE(suite_says(out, "  WORSE    lost with memory"));
    CU_ASSERT_EQUAL(report("diff", file, file, file, "--all"), 0);
    CU_ASSERT_TRUE(suite_says(out, "0 worse, 0 better, 0 differ otherwise"));
    /* Another scenario, or another run of a matrix, repeats nothing. */
    CU_ASSERT_EQUAL(report("diff", file, memory, memory, NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "[lb.wal_mode=memory] on sim) does not repeat "));
    CU_ASSERT_EQUAL(report("diff", SAMPLE, file, memory, NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, " does not repeat ") && suite_says(err, "(primary-down on sim)"));
    CU_ASSERT_TRUE(suite_is_one_line(err));
    CU_ASSERT_STRING_EQUAL(out, "");
}

static int run_repeated(const char *repeat, const char *seed, const char *name)
{
    const char *const argv[] = { WALDRILL, "run", SIMPLE,  "--engine",    "sim",     "--repeat", repeat,
                                 "--seed", seed,  "--out", path_of(name), "--quiet", NULL };
    return process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS);
}

static void a_folder_of_repetitions_stands_for_all(void)
{
    CU_ASSERT_EQUAL(run_repeated("3", "11", "before"), 0);
    CU_ASSERT_TRUE(suite_says(out, ": 3 of 3 runs passed\n"));
    CU_ASSERT_EQUAL(access(path_of("before/index.html"), R_OK), 0);
    CU_ASSERT_EQUAL(run_repeated("2", "12", "after"), 0);
    CU_ASSERT_EQUAL(report("diff", path_of("before"), path_of("after"), NULL, NULL), 0);
    CU_ASSERT_TRUE(suite_says(out, "A1: PASS") && suite_says(out, "seed 13) in ") &&
                   suite_says(out, "/before/3\n"));
    CU_ASSERT_TRUE(suite_says(out, "\nB2: PASS") && suite_says(out, "/after/2\n"));
    CU_ASSERT_TRUE(suite_says(out, "0 worse, 0 better"));
    CU_ASSERT_TRUE(
        suite_says(out, "within what 3 runs reached before; of figures the median of 2 runs after\n"));
    /* A folder and single runs together. */
    CU_ASSERT_EQUAL(report("diff", path_of("before"), path_of("after/1"), "--all", NULL), 0);
    CU_ASSERT_TRUE(suite_says(out, "\nB: PASS"));
}

static void repetitions_of_two_commands_are_not_mixed(void)
{
    CU_ASSERT_EQUAL(run_repeated("3", "11", "mixed"), 0);
    CU_ASSERT_EQUAL(run_repeated("3", "14", "mixed"), 0);
    CU_ASSERT_EQUAL(run_repeated("2", "11", "mixed"), 2);
    CU_ASSERT_TRUE(suite_says(err, "/mixed holds more repetitions, of an earlier command; remove it"));
    CU_ASSERT_STRING_EQUAL(out, ""); /* nothing was played */
    CU_ASSERT_EQUAL(run_repeated("1", "11", "mixed/1"), 2);
    CU_ASSERT_TRUE(suite_says(err, "/mixed/1 holds the report of a single run; remove it"));
}

static void help_teaches(void)
{
    CU_ASSERT_EQUAL(report("--help", NULL, NULL, NULL, NULL), 0);
    CU_ASSERT_TRUE(suite_says(out, "usage: waldrill report FOLDER") &&
                   suite_says(out, "report diff before after --band 5%"));
    CU_ASSERT_TRUE(suite_says(out, "exit status: 0 done, and nothing is worse; 1 something is worse"));
}

static void wrong_usage_is_one_line(void)
{
    static const struct {
        const char *words[3], *says;
    } wrong[] = {
        { { NULL }, "which run?" },
        { { "/nowhere/at/all" }, "there is no /nowhere/at/all" },
        { { TEST_SOURCE_DIR "/docs" }, "has neither results.json nor events.jsonl" },
        { { TEST_SOURCE_DIR "/README.md" }, "results.json cannot be read" },
        { { "diff", SAMPLE }, "diff wants two runs" },
        { { "diff", SAMPLE, "/nowhere/at/all" }, "there is no /nowhere/at/all" },
        { { "gallery" }, "gallery wants one folder" },
        { { "gallery", TEST_SOURCE_DIR "/docs" }, "no run below" },
        { { SAMPLE, "--band", "5%" }, "--band is not for this" },
        { { "gallery", SAMPLE, "--all" }, "--all is not for this" },
        { { SAMPLE, "--band", "many" }, "--band is a share from 0% to 100%" },
        { { SAMPLE, "--band", "-3%" }, "--band is a share from 0% to 100%" },
        { { SAMPLE, "--bnd=1%" }, "unknown option --bnd; did you mean --band?" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CU_ASSERT_EQUAL(report(wrong[i].words[0], wrong[i].words[1], wrong[i].words[2], NULL, NULL), 2);
        CU_ASSERT_TRUE(suite_says(err, wrong[i].says) && suite_is_one_line(err));
        CU_ASSERT_STRING_EQUAL(out, "");
    }
}

#define IN_FOLDER(test)                                              \
    static void in_folder_##test(void)                               \
    {                                                                \
        CU_ASSERT_TRUE_FATAL(temp_dir_make(folder, sizeof(folder))); \
        test();                                                      \
        temp_dir_remove(folder);                                     \
    }
IN_FOLDER(several_runs_are_listed)
IN_FOLDER(a_run_is_shown_anew)
IN_FOLDER(several_runs_before_measure_the_noise)
IN_FOLDER(a_folder_of_repetitions_stands_for_all)
IN_FOLDER(repetitions_of_two_commands_are_not_mixed)
IN_FOLDER(two_runs_are_compared)

static const struct suite_test tests[] = {
    { "several runs are listed on one page", in_folder_several_runs_are_listed },
    { "a run is shown anew", in_folder_a_run_is_shown_anew },
    { "two runs are compared, the status says whether one is worse", in_folder_two_runs_are_compared },
    { "several runs before measure the noise", in_folder_several_runs_before_measure_the_noise },
    { "a folder of repetitions stands for all of them", in_folder_a_folder_of_repetitions_stands_for_all },
    { "repetitions of two commands are not mixed", in_folder_repetitions_of_two_commands_are_not_mixed },
    { "help teaches", help_teaches },
    { "wrong usage is one line and status 2", wrong_usage_is_one_line },
};
TEST_MAIN("waldrill report", tests)
