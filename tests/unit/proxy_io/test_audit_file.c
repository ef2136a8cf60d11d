/* AUDIT_LOG on a real file system: nothing is lost while it can be written, and what cannot is told. */
#include "proxy/io/audit_file.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOUND_MS 20000

static char dir[256];
static char path[300];

static void begin(void)
{
    CU_ASSERT_TRUE_FATAL(temp_dir_make(dir, sizeof(dir)));
    (void)snprintf(path, sizeof(path), "%s/audit.log", dir);
}

static struct audit_file *open_it(uint64_t retain, uint64_t rotate_bytes)
{
    struct audit_file *a = NULL;
    struct errmsg msg = { "" };
    CU_ASSERT_EQUAL_FATAL(audit_file_open(&a, path, retain, rotate_bytes, &msg), 0);
    return a;
}

static void say(struct audit_file *a, const char *line)
{
    audit_file_line(a, str_of(line));
}

static const char *contents(void)
{
    static char text[8192];
    FILE *f = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return text;
}

static unsigned old_files(void)
{
    unsigned count = 0;
    DIR *d = opendir(dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        count += strncmp(e->d_name, "audit.log.", 10) == 0 ? 1 : 0;
    }
    (void)closedir(d);
    return count;
}

static bool await_failed(struct audit_file *a, bool failed, struct audit_state *state)
{
    long long bound = test_now_ms() + BOUND_MS;
    for (audit_file_state(a, state); state->failed != failed; audit_file_state(a, state)) {
        if (test_now_ms() > bound) {
            return false;
        }
        (void)poll(NULL, 0, 2);
    }
    return true;
}

static void test_appends(void)
{
    struct stat st;
    begin();
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CU_ASSERT_EQUAL(write(fd, "older\n", 6), 6);
    (void)close(fd);
    struct audit_file *a = open_it(5, 0);
    say(a, "one\n");
    say(a, "two\n");
    audit_file_close(a);
    CU_ASSERT_STRING_EQUAL(contents(), "older\none\ntwo\n");
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600); /* whoever made it */
    temp_dir_remove(dir);
}

static void test_rotates_by_size(void)
{
    begin();
    for (int i = 0; i < 8; i++) {
        char line[32];
        struct audit_file *a = open_it(3, 4);
        (void)snprintf(line, sizeof(line), "line %d\n", i);
        say(a, line);
        audit_file_close(a);
        CU_ASSERT_STRING_EQUAL(contents(), line);
        CU_ASSERT_EQUAL(old_files(), i < 3 ? (unsigned)i : 3); /* AUDIT_RETAIN */
    }
    temp_dir_remove(dir);
}

static void test_rotates_by_day(void)
{
    begin();
    struct audit_file *a = open_it(5, 0);
    say(a, "yesterday\n");
    audit_file_close(a);
    const struct timespec times[2] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
    a = open_it(5, 0);
    say(a, "today\n");
    audit_file_close(a);
    CU_ASSERT_STRING_EQUAL(contents(), "today\n");
    CU_ASSERT_EQUAL(old_files(), 1);
    temp_dir_remove(dir);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A disk without room: the lines wait, and come when there is some. */
static void test_fails_and_recovers(void)
{
    struct audit_state state;
    begin();
    struct audit_file *a = open_it(5, 0);
    limit_file_size(4);
    say(a, "one\n");
    say(a, "two\n");
    bool failed = await_failed(a, true, &state);
    limit_file_size(RLIM_INFINITY);
    CU_ASSERT_TRUE(failed);
    CU_ASSERT_PTR_NOT_NULL(strstr(state.why, "writing: "));
    CU_ASSERT_TRUE(await_failed(a, false, &state)); /* by itself */
    say(a, "three\n");
    audit_file_close(a);
    CU_ASSERT_STRING_EQUAL(contents(), "one\ntwo\nthree\n");
    CU_ASSERT_EQUAL(state.lost, 0);
    temp_dir_remove(dir);
}

static void test_loses_in_the_end(void)
{
    static char line[65536];
    struct audit_state state;
    begin();
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 2] = '\n';
    struct audit_file *a = open_it(5, 0);
    limit_file_size(1);
    for (int i = 0; i < 40; i++) {
        say(a, line);
    }
    audit_file_state(a, &state);
    limit_file_size(RLIM_INFINITY);
    CU_ASSERT(state.lost >= 20);
    CU_ASSERT(state.lost < 40);
    audit_file_close(a);
    temp_dir_remove(dir);
}

static void test_refuses(void)
{
    struct audit_file *a = NULL;
    struct errmsg msg = { "" };
    begin();
    CU_ASSERT_EQUAL(audit_file_open(&a, dir, 5, 0, &msg), ERR_IO);
    CU_ASSERT_EQUAL(audit_file_open(&a, "/dev/null", 5, 0, &msg), ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "AUDIT_LOG: \"/dev/null\": not a plain file"));
    CU_ASSERT_EQUAL(symlink("elsewhere", path), 0);
    CU_ASSERT_EQUAL(audit_file_open(&a, path, 5, 0, &msg), ERR_IO);
    temp_dir_remove(dir);
}

/* Whoever moved the file waits for the new one; the next line may be days away. */
static void test_opens_anew(void)
{
    char moved[310];
    begin();
    struct audit_file *a = open_it(5, 0);
    say(a, "one\n");
    long long bound = test_now_ms() + BOUND_MS;
    while (strcmp(contents(), "one\n") != 0 && test_now_ms() < bound) {
        (void)poll(NULL, 0, 2);
    }
    (void)snprintf(moved, sizeof(moved), "%s.moved", path);
    CU_ASSERT_EQUAL_FATAL(rename(path, moved), 0);
    audit_file_reopen(a);
    while (access(path, F_OK) != 0 && test_now_ms() < bound) {
        (void)poll(NULL, 0, 2);
    }
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    say(a, "two\n");
    audit_file_close(a);
    CU_ASSERT_STRING_EQUAL(contents(), "two\n");
    temp_dir_remove(dir);
}

static const struct suite_test tests[] = {
    { "lines are appended, for the owner only", test_appends },
    { "a full file is put aside, and the oldest go", test_rotates_by_size },
    { "each day has its own", test_rotates_by_day },
    { "it is opened anew at once, without waiting for a line", test_opens_anew },
    { "what cannot be written waits and is told", test_fails_and_recovers },
    { "what does not fit is counted", test_loses_in_the_end },
    { "only a plain file will do", test_refuses },
};

TEST_MAIN("audit file", tests)
