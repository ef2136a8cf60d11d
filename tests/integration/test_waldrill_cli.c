/* waldrill as a program: what it says and with which exit status, before anything runs.  Every shipped
 * scenario is right. */
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <glob.h>
#include <stdio.h>
#include <string.h>

#define WALDRILL  TEST_BIN_DIR "/waldrill"
#define SCENARIOS TEST_SOURCE_DIR "/scenarios"
#define BOUND_MS  20000

static char out[65536];
static char err[65536];

static int waldrill(const char *a, const char *b, const char *c)
{
    const char *const argv[] = { WALDRILL, a, b, c, NULL };
    return process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS);
}

static void helps(void)
{
    static const char *const commands[] = { "run",    "rehearse", "validate", "plan", "schema",
                                            "report", "capacity", "check",    "heal" };
    CU_ASSERT_EQUAL(waldrill("--help", NULL, NULL), 0);
    CU_ASSERT_TRUE(suite_says(out, "usage: waldrill COMMAND"));
    CU_ASSERT_TRUE(suite_says(out, "exit status: 0 pass, 1 failed, 2 "));
    CU_ASSERT_TRUE(suite_says(out, "scenarios/guide/01-primary-down.yaml"));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        CU_ASSERT_EQUAL(waldrill(commands[i], "--help", NULL), 0);
        CU_ASSERT_TRUE(suite_says(out, "example"));
        CU_ASSERT_TRUE(suite_says(out, "exit status: 0"));
    }
    CU_ASSERT_EQUAL(waldrill("--version", NULL, NULL), 0);
    CU_ASSERT_TRUE(strncmp(out, "waldrill ", 9) == 0 && suite_is_one_line(out));
}

static void wrong_usage(void)
{
    CU_ASSERT_EQUAL(waldrill(NULL, NULL, NULL), 2);
    CU_ASSERT_EQUAL(waldrill("valdate", "x.yaml", NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "did you mean \"validate\"?") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(waldrill("validate", NULL, NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "which file?") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(waldrill("plan", "--whatever", NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "unknown option --whatever") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(waldrill("plan", "a", "b"), 2);
    CU_ASSERT_EQUAL(waldrill("fuzz", "--mutant", "drop_queu"), 2);
    CU_ASSERT_TRUE(suite_says(err, "mutant") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(waldrill("run", "x.yaml", "--repeat=0"), 2);
    CU_ASSERT_TRUE(suite_says(err, "--repeat is a number from 1 to 1000, not \"0\"") &&
                   suite_is_one_line(err));
}

static void unreadable_file(void)
{
    CU_ASSERT_EQUAL(waldrill("validate", "/nowhere/x.yaml", NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "cannot read /nowhere/x.yaml: No such file or directory"));
    CU_ASSERT_TRUE(suite_is_one_line(err));
    CU_ASSERT_STRING_EQUAL(out, "");
}

static void wrong_file(void)
{
    char folder[128];
    char path[200];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(folder, sizeof(folder)));
    (void)snprintf(path, sizeof(path), "%s/x.yaml", folder);
    FILE *file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs("scenario: x\nphases: [ { name: a, for: 5 } ]\nexpct: []\n", file);
    (void)fclose(file);
    CU_ASSERT_EQUAL(waldrill("validate", path, SCENARIOS "/guide/01-primary-down.yaml"), 2);
    CU_ASSERT_TRUE(suite_says(err, "x.yaml:2:27: error: \"5\" needs a unit"));
    CU_ASSERT_TRUE(suite_says(err, "did you mean \"expect\"?"));
    CU_ASSERT_TRUE(
        suite_says(out, "01-primary-down.yaml: ok")); /* the other file is looked at all the same */
    CU_ASSERT_PTR_NULL(strchr(err, '\033'));          /* no colours into a pipe */
    temp_dir_remove(folder);
}

static void shipped_files(void)
{
    static const char *const patterns[] = { SCENARIOS "/guide/*.yaml", SCENARIOS "/incidents/*.yaml" };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        glob_t files;
        CU_ASSERT_EQUAL_FATAL(glob(patterns[i], 0, NULL, &files), 0);
        for (size_t k = 0; k < files.gl_pathc; k++) {
            CU_ASSERT_EQUAL(waldrill("validate", files.gl_pathv[k], NULL), 0);
            CU_ASSERT_STRING_EQUAL(err, "");
            CU_ASSERT_EQUAL(waldrill("plan", files.gl_pathv[k], NULL), 0);
        }
        globfree(&files);
    }
}

static void plan(void)
{
    CU_ASSERT_EQUAL(waldrill("plan", SCENARIOS "/guide/01-primary-down.yaml", NULL), 0);
    CU_ASSERT_TRUE(suite_says(out, "          1m  phase  outage for 5m\n"));
    CU_ASSERT_TRUE(suite_says(
        out, "          1m  fault  primary-off on primary: {\"name\":\"primary-off\",\"do\":\"refuse\"}\n"));
    CU_ASSERT_TRUE(suite_says(out, "          6m         primary-off ends\n"));
    CU_ASSERT_TRUE(
        suite_says(out, "       1m35s  step   1. verify primary status: GET ${primary}/api/v2/version"));
    CU_ASSERT_TRUE(suite_says(out, "<=       11m  phase  settled for 1m\n"));
}

static int waldrill_run(const char *folder)
{
    const char *const argv[] = { WALDRILL,   "run", SCENARIOS "/guide/01-primary-down.yaml",
                                 "--engine", "sim", "--out",
                                 folder,     NULL };
    return process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS);
}

/* One command leaves a report of five files, says where, and paints nothing into a pipe. */
static void run_reports(void)
{
    static const char *const names[] = { "results.json", "junit.xml", "report.md", "report.html",
                                         "series.csv" };
    char folder[128];
    char path[300];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(folder, sizeof(folder)));
    (void)snprintf(path, sizeof(path), "%s/a/b", folder);
    CU_ASSERT_EQUAL(waldrill_run(path), 0);
    CU_ASSERT_TRUE(strncmp(out, "PASS primary-down (sim)\n", 24) == 0);
    CU_ASSERT_TRUE(suite_says(out, "/a/b/report.html\n"));
    CU_ASSERT_PTR_NULL(strchr(out, '\033'));
    CU_ASSERT_STRING_EQUAL(err, "");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/a/b/%s", folder, names[i]);
        FILE *file = fopen(path, "re");
        CU_ASSERT_PTR_NOT_NULL(file);
        if (file != NULL) {
            CU_ASSERT_NOT_EQUAL(fgetc(file), EOF);
            (void)fclose(file);
        }
    }
    /* a file where the folder should be: nothing runs */
    (void)snprintf(path, sizeof(path), "%s/a/b/report.md", folder);
    CU_ASSERT_EQUAL(waldrill_run(path), 4);
    CU_ASSERT_TRUE(suite_says(err, "report.md is there but is no folder") && suite_is_one_line(err));
    CU_ASSERT_STRING_EQUAL(out, "");
    /* a folder where a file should be: the verdict stands, the status tells that its report does not */
    (void)snprintf(path, sizeof(path), "%s/c/results.json/x", folder);
    CU_ASSERT_EQUAL(waldrill_run(path), 0);
    (void)snprintf(path, sizeof(path), "%s/c", folder);
    CU_ASSERT_EQUAL(waldrill_run(path), 4);
    CU_ASSERT_TRUE(suite_says(err, "the report could not be written: cannot put ") && suite_is_one_line(err));
    CU_ASSERT_TRUE(strncmp(out, "PASS ", 5) == 0);
    CU_ASSERT_PTR_NULL(strstr(out, "report.html"));
    temp_dir_remove(folder);
}

#define MATRIX SCENARIOS "/incidents/s12c-killed-in-either-mode.yaml"

static int run_matrix(const char *folder, const char *only)
{
    const char *const argv[] = { WALDRILL,   "run",  MATRIX,
                                 "--engine", "sim",  "--quiet",
                                 "--out",    folder, only == NULL ? NULL : "--only",
                                 only,       NULL };
    return process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS);
}

static bool is_there(const char *folder, const char *name)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        (void)fclose(file);
    }
    return file != NULL;
}

/* Each run of a matrix has its verdict and its folder. */
static void runs_of_a_matrix(void)
{
    char folder[128];
    char all[200];
    char one[200];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(folder, sizeof(folder)));
    (void)snprintf(all, sizeof(all), "%s/all", folder);
    (void)snprintf(one, sizeof(one), "%s/one", folder);
    CU_ASSERT_EQUAL(run_matrix(all, NULL), 0);
    CU_ASSERT_TRUE(suite_says(out, "PASS s12c-killed-in-either-mode[lb.wal_mode=memory] (sim)"));
    CU_ASSERT_TRUE(suite_says(out, "PASS s12c-killed-in-either-mode[lb.wal_mode=file] (sim)"));
    CU_ASSERT_TRUE(is_there(all, "lb.wal_mode=memory/results.json"));
    CU_ASSERT_TRUE(is_there(all, "lb.wal_mode=file/report.html"));
    CU_ASSERT_EQUAL(run_matrix(one, "lb.wal_mode=file"), 0);
    CU_ASSERT_PTR_NULL(strstr(out, "memory] (sim)"));
    CU_ASSERT_TRUE(is_there(one, "lb.wal_mode=file/results.json"));
    CU_ASSERT_FALSE(is_there(one, "lb.wal_mode=memory/results.json"));
    CU_ASSERT_EQUAL(run_matrix(one, "lb.wal_mode=fil"), 2);
    CU_ASSERT_TRUE(suite_says(err, "has no run \"lb.wal_mode=fil\"") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(waldrill("plan", MATRIX, NULL), 0);
    CU_ASSERT_TRUE(suite_says(out, "fault  crash on lb, once wal.pending_writes > 60: kill"));
    CU_ASSERT_TRUE(
        suite_says(out, "run    lb.wal_mode=memory\n       expect after(crash).wal.pending_writes"));
    CU_ASSERT_TRUE(suite_says(out, "       waive  no_lost_ack\n"));
    CU_ASSERT_TRUE(suite_says(out, "expect alert pending_writes_critical must fire during outage\n"));
    temp_dir_remove(folder);
}

/* For programs: one list, whatever is wrong. */
static void problems_as_json(void)
{
    CU_ASSERT_EQUAL(waldrill("validate", "--json", MATRIX), 0);
    CU_ASSERT_STRING_EQUAL(out, "[]\n");
    CU_ASSERT_EQUAL(waldrill("validate", "--json", SCENARIOS "/base/two-instances.yaml"), 2);
    CU_ASSERT_TRUE(suite_says(
        out, "\"line\":4,\"column\":1,\"width\":1,\"message\":\"the scenario needs \\\"scenario\\\""));
    CU_ASSERT_EQUAL(waldrill("validate", "--json", "/nowhere/x.yaml"), 2);
    CU_ASSERT_TRUE(suite_says(out, "{\"path\":\"/nowhere/x.yaml\",\"line\":1,"));
    CU_ASSERT_STRING_EQUAL(err, "");
}

static const struct suite_test tests[] = {
    { "each run of a matrix has its verdict and its folder", runs_of_a_matrix },
    { "validate --json is a list of problems", problems_as_json },
    { "help teaches", helps },
    { "wrong usage is one line and status 2", wrong_usage },
    { "an unreadable file is one line and status 2", unreadable_file },
    { "a wrong file is status 2, the others are looked at", wrong_file },
    { "every shipped scenario is right", shipped_files },
    { "plan resolves the marks", plan },
    { "run leaves a report, or says why not", run_reports },
};
TEST_MAIN("waldrill on the command line", tests)
