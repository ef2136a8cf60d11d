/* waldrill rehearse as a program: a drill that it plays by itself on the simulator, what it leaves behind,
 * and what it refuses.  Drills with processes and terminals: scripts/check-drill. */
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define WALDRILL TEST_BIN_DIR "/waldrill"
#define SCENARIO TEST_SOURCE_DIR "/scenarios/guide/03-replay-failures.yaml"
#define BOUND_MS 30000

static char out[65536];
static char err[65536];
static char other[65536];
static char folder[128];

/* On the simulator into folder; more: further arguments, up to two. */
static int rehearse(const char *more, const char *value)
{
    const char *const argv[] = { WALDRILL, "rehearse", SCENARIO, "--auto", "--engine", "sim",
                                 "--out",  folder,     more,     value,    NULL };
    return process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS);
}

static int refused(const char *a, const char *b, const char *c, const char *d)
{
    const char *const argv[] = { WALDRILL, "rehearse", a, b, c, d, NULL };
    return process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS);
}

static const char *content(const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    other[fread(other, 1, sizeof(other) - 1, file)] = '\0';
    (void)fclose(file);
    return other;
}

static void plays_the_runbook(void)
{
    CU_ASSERT_EQUAL(rehearse(NULL, NULL), 0);
    CU_ASSERT_STRING_EQUAL(err, "");
    CU_ASSERT_PTR_NULL(strchr(out, '\033')); /* no colours into a pipe */
    CU_ASSERT_TRUE(suite_says(out, "pager     primary: health check fails"));
    CU_ASSERT_TRUE(suite_says(
        out, "step      done: 1. check replay status (saw json(\"$.write_ahead_log.pending_writes\") = "));
    CU_ASSERT_TRUE(suite_says(out, "operator  restarts the load balancer"));
    CU_ASSERT_TRUE(suite_says(out, "6 of 6 points. 3 of 3 steps done in time; 0 mistakes, 0 hints."));
    CU_ASSERT_TRUE(suite_says(out, "system    PASS"));
    CU_ASSERT_PTR_NULL(strstr(out, "flaky-writes")); /* a pager does not know what was thrown */
    CU_ASSERT_STRING_EQUAL(content("transcript.txt"), out);
    CU_ASSERT_TRUE(suite_says(content("drill.json"), "\"format\": \"waldrill-drill/1\""));
    CU_ASSERT_TRUE(suite_says(content("drill.json"), "\"verdict\": \"by the runbook\""));
    CU_ASSERT_TRUE(suite_says(content("debrief.md"), "| done | 2. verify primary accessibility |"));
    CU_ASSERT_TRUE(suite_says(content("debrief.html"), "<title>Drill: "));
    CU_ASSERT_TRUE(suite_says(content("report.md"), "PASS"));
}

static void the_same_again(void)
{
    static char first[65536];
    CU_ASSERT_EQUAL(rehearse(NULL, NULL), 0);
    (void)snprintf(first, sizeof(first), "%s", out);
    CU_ASSERT_EQUAL(rehearse(NULL, NULL), 0);
    CU_ASSERT_STRING_EQUAL(out, first);
}

/* The guide's advice, taken literally, with the guide's own log. */
static void a_restart_in_memory_mode(void)
{
    CU_ASSERT_EQUAL(rehearse("--wal-mode", "memory"), 1);
    CU_ASSERT_TRUE(suite_says(out, "mistake   the queue was in memory only: the restart cost "));
    CU_ASSERT_TRUE(suite_says(out, "Restarting the load balancer cost "));
    CU_ASSERT_TRUE(suite_says(out, "system    FAIL"));
    CU_ASSERT_TRUE(suite_says(content("debrief.md"), "acknowledged writes: its queue was in memory only."));
}

static void refuses(void)
{
    CU_ASSERT_EQUAL(refused(NULL, NULL, NULL, NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "which file?") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(refused(SCENARIO, "--engine", "sim", NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "nobody can type on the simulator") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(refused(SCENARIO, "--speed", "31", NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "--speed is a number from 1 to 30, not \"31\"") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(refused(SCENARIO, "--wal-mode", "disk", NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "--wal-mode is file or memory") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(refused(SCENARIO, "--hints", "many", NULL), 2);
    CU_ASSERT_EQUAL(refused("/nowhere/x.yaml", NULL, NULL, NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "cannot read /nowhere/x.yaml"));
    CU_ASSERT_EQUAL(refused("--tell", "hint", "--at", "/nowhere"), 2);
    CU_ASSERT_TRUE(suite_says(err, "no drill runs in /nowhere") && suite_is_one_line(err));
    CU_ASSERT_EQUAL(refused(TEST_SOURCE_DIR "/scenarios/chroma/outage.yaml", "--speed", "5", NULL), 2);
    CU_ASSERT_TRUE(suite_says(err, "a real Chroma works at its own pace") && suite_is_one_line(err));
}

static const struct suite_test tests[] = {
    { "it plays the runbook by itself and leaves a debrief", plays_the_runbook },
    { "on the simulator the same drill again", the_same_again },
    { "a restart in memory mode costs the queue, and it says so", a_restart_in_memory_mode },
    { "what it refuses, in one line", refuses },
};

int main(int argc, char **argv)
{
    if (!temp_dir_make(folder, sizeof(folder))) {
        return 1;
    }
    int status = suite_main(argc, argv, "waldrill rehearse", tests, sizeof(tests) / sizeof(tests[0]));
    temp_dir_remove(folder);
    return status;
}
