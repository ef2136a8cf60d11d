/* Children of the engine `real`, played by /bin/sh: ready by their line, ended in time, told of with their
 * last words, and never left behind. */
#include "harness/real/children.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct shell {
    struct child child;
    char dir[256];
};

static void shell_make(struct shell *s, const char *script)
{
    struct errmsg msg = { "" };
    CU_ASSERT_TRUE_FATAL(temp_dir_make(s->dir, sizeof(s->dir)));
    CU_ASSERT_EQUAL_FATAL(child_init(&s->child, "shell", "/bin/sh", s->dir, &msg), 0);
    child_add_arg(&s->child, "-c");
    child_add_arg(&s->child, "%s", script);
}

static void shell_remove(struct shell *s)
{
    child_deinit(&s->child);
    temp_dir_remove(s->dir);
}

static void ready_by_its_line(void)
{
    struct shell s;
    struct errmsg msg = { "" };
    char line[64];
    shell_make(&s, "echo other; echo listening http://here; exec sleep 1000");
    CU_ASSERT_EQUAL_FATAL(child_start(&s.child, "listening ", line, sizeof(line), &msg), 0);
    CU_ASSERT_STRING_EQUAL(line, "listening http://here");
    CU_ASSERT_EQUAL(child_check(&s.child, &msg), 0);
    pid_t pid = s.child.pid;
    CU_ASSERT_EQUAL(child_end(&s.child, SIGTERM, 5000, &msg), 0);
    CU_ASSERT_EQUAL(kill(pid, 0), -1);
    CU_ASSERT_EQUAL(errno, ESRCH);
    shell_remove(&s);
}

/* A second life must not be taken for ready by the first one's line. */
static void second_life_waits_for_its_own_line(void)
{
    struct shell s;
    struct errmsg msg = { "" };
    char line[64];
    char script[600];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(s.dir, sizeof(s.dir)));
    (void)snprintf(script, sizeof(script),
                   "[ -e %s/again ] && exit 3; : >%s/again; echo listening one; sleep 1000", s.dir, s.dir);
    CU_ASSERT_EQUAL_FATAL(child_init(&s.child, "shell", "/bin/sh", s.dir, &msg), 0);
    child_add_arg(&s.child, "-c");
    child_add_arg(&s.child, "%s", script);
    CU_ASSERT_EQUAL_FATAL(child_start(&s.child, "listening ", line, sizeof(line), &msg), 0);
    CU_ASSERT_EQUAL(child_end(&s.child, SIGKILL, 0, &msg), 0);
    CU_ASSERT_NOT_EQUAL(child_start(&s.child, "listening ", line, sizeof(line), &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "status 3"));
    shell_remove(&s);
}

static void early_death_is_told_with_its_words(void)
{
    struct shell s;
    struct errmsg msg = { "" };
    char line[64];
    shell_make(&s, "echo first >&2; echo 'walproxy: LISTEN 127.0.0.1:1: address in use' >&2; exit 4");
    CU_ASSERT_NOT_EQUAL(child_start(&s.child, "listening ", line, sizeof(line), &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "shell ended with status 4"));
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "LISTEN 127.0.0.1:1: address in use"));
    CU_ASSERT_EQUAL(s.child.pid, 0);
    shell_remove(&s);
}

static void missing_program_is_told(void)
{
    struct child c;
    struct errmsg msg = { "" };
    char line[64];
    char dir[256];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(dir, sizeof(dir)));
    CU_ASSERT_EQUAL_FATAL(child_init(&c, "walproxy", "/nowhere/walproxy", dir, &msg), 0);
    CU_ASSERT_NOT_EQUAL(child_start(&c, "listening ", line, sizeof(line), &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "/nowhere/walproxy"));
    child_deinit(&c);
    temp_dir_remove(dir);
}

static void later_death_is_found_out(void)
{
    struct shell s;
    struct errmsg msg = { "" };
    char line[64];
    shell_make(&s,
               "trap 'echo dying words >&2; kill -9 $$' USR1; echo listening; while :; do sleep 0.02; done");
    CU_ASSERT_EQUAL_FATAL(child_start(&s.child, "listening", line, sizeof(line), &msg), 0);
    /* Told to die only now: one that dies at once may be found dead before its line is found. */
    CU_ASSERT_EQUAL(kill(s.child.pid, SIGUSR1), 0);
    long long end = test_now_ms() + 10000;
    int rv = 0;
    while (rv == 0 && test_now_ms() < end) {
        rv = child_check(&s.child, &msg);
    }
    CU_ASSERT_NOT_EQUAL(rv, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "signal 9"));
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "dying words"));
    shell_remove(&s);
}

static void stubborn_child_is_killed(void)
{
    struct shell s;
    struct errmsg msg = { "" };
    char line[64];
    shell_make(&s, "trap '' TERM; echo listening; while :; do sleep 0.1; done");
    CU_ASSERT_EQUAL_FATAL(child_start(&s.child, "listening", line, sizeof(line), &msg), 0);
    CU_ASSERT_NOT_EQUAL(child_end(&s.child, SIGTERM, 50, &msg), 0);
    CU_ASSERT_EQUAL(s.child.pid, 0);
    shell_remove(&s);
}

static void paused_child_goes_on(void)
{
    struct shell s;
    struct errmsg msg = { "" };
    char line[64];
    shell_make(&s, "echo listening; exec sleep 1000");
    CU_ASSERT_EQUAL_FATAL(child_start(&s.child, "listening", line, sizeof(line), &msg), 0);
    CU_ASSERT_EQUAL(child_pause(&s.child, true, &msg), 0);
    CU_ASSERT_EQUAL(child_end(&s.child, SIGTERM, 5000, &msg), 0); /* a stopped process would not hear it */
    CU_ASSERT_NOT_EQUAL(child_pause(&s.child, true, &msg), 0);
    shell_remove(&s);
}

static const struct suite_test tests[] = {
    { "a child is ready when it has said its line", ready_by_its_line },
    { "a second life is not ready by the line of the first", second_life_waits_for_its_own_line },
    { "a child that dies before it is ready is told with its last words",
      early_death_is_told_with_its_words },
    { "a program that is not there is told by name", missing_program_is_told },
    { "a child that dies later is found out", later_death_is_found_out },
    { "a child that ignores SIGTERM is killed and told", stubborn_child_is_killed },
    { "a paused child can be ended", paused_child_goes_on },
};

TEST_MAIN("children", tests)
