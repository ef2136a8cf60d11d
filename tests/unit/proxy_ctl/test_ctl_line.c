/* The command line of walproxy ctl, its tables for people, and the page that its verbs are printed on. */
#include "base/json_writer.h"
#include "proxy/ctl/ctl.h"
#include "proxy/ctl/options.h"
#include "proxy/ctl/show.h"
#include "proxy/ctl/table.h"
#include "proxy/ctl/verbs.h"
#include "tests/lib/manual.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct options o;
static struct errmsg msg;

/* words: separated by blanks */
static int parse(const char *line)
{
    static char name[] = "ctl";
    static char text[512];
    static char *argv[16];
    int argc = 0;
    char *rest = NULL;
    argv[argc++] = name;
    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    msg.text[0] = '\0';
    return options_parse(&o, argc, argv, &msg);
}

static void forget_environment(void)
{
    (void)unsetenv("WALPROXY_URL");
    (void)unsetenv("ADMIN_TOKEN");
    (void)unsetenv("WALPROXY_CA");
}

static void test_options(void)
{
    forget_environment();
    CU_ASSERT_EQUAL(parse("letters --limit 5 show --json 17 --url=http://db:9/ --timeout 250ms"), 0);
    CU_ASSERT_EQUAL(o.word_count, 3);
    CU_ASSERT_STRING_EQUAL(o.words[1], "show");
    CU_ASSERT_STRING_EQUAL(o.words[2], "17");
    CU_ASSERT_STRING_EQUAL(o.url, "http://db:9");
    CU_ASSERT_TRUE(o.json);
    CU_ASSERT_EQUAL(o.limit, 5);
    CU_ASSERT_EQUAL(o.timeout_ms, 250);
    CU_ASSERT_EQUAL(parse("letters edit 17 -"), 0); /* stdin, no option */
    CU_ASSERT_STRING_EQUAL(o.words[3], "-");
    CU_ASSERT_STRING_EQUAL(o.url, "http://127.0.0.1:8000");
}

static void test_wrong_options(void)
{
    forget_environment();
    CU_ASSERT_EQUAL(parse("status --jsno"), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "did you mean --json"));
    CU_ASSERT_EQUAL(parse("status --limit"), ERR_INVALID);
    CU_ASSERT_EQUAL(parse("status --limit many"), ERR_INVALID);
    CU_ASSERT_EQUAL(parse("status --json=yes"), ERR_INVALID);
    CU_ASSERT_EQUAL(parse("status --timeout soon"), ERR_INVALID);
    CU_ASSERT_EQUAL(parse("a b c d e f g"), ERR_INVALID);
    CU_ASSERT_EQUAL(parse("status --token @/nowhere/at-all"), ERR_IO);
}

static void test_environment(void)
{
    char dir[256];
    char path[300];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(dir, sizeof(dir)));
    (void)snprintf(path, sizeof(path), "%s/token", dir);
    FILE *f = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    (void)fputs("sesame\n", f);
    (void)fclose(f);
    (void)setenv("WALPROXY_URL", "http://elsewhere:1", 1);
    (void)setenv("ADMIN_TOKEN", "open", 1);
    CU_ASSERT_EQUAL(parse("status"), 0);
    CU_ASSERT_STRING_EQUAL(o.url, "http://elsewhere:1");
    CU_ASSERT_STRING_EQUAL(o.token, "open");
    char line[400];
    (void)snprintf(line, sizeof(line), "status --url http://here:2 --token @%s", path);
    CU_ASSERT_EQUAL(parse(line), 0); /* the line beats the environment */
    CU_ASSERT_STRING_EQUAL(o.url, "http://here:2");
    CU_ASSERT_STRING_EQUAL(o.token, "sesame");
    forget_environment();
    temp_dir_remove(dir);
}

static const struct verb *find(const char *line, const char **near)
{
    size_t taken;
    CU_ASSERT_EQUAL(parse(line), 0);
    return verbs_find(o.words, o.word_count, &taken, near);
}

static void test_verbs(void)
{
    const char *near;
    CU_ASSERT_STRING_EQUAL(find("letters", &near)->name, "letters");
    CU_ASSERT_STRING_EQUAL(find("letters retry 17", &near)->name, "letters retry");
    CU_ASSERT_PTR_NULL(near);
    CU_ASSERT_PTR_NULL(find("stauts", &near));
    CU_ASSERT_STRING_EQUAL(near, "status");
    CU_ASSERT_PTR_NULL(find("letter retry 17", &near));
    CU_ASSERT_STRING_EQUAL(near, "letters retry");
    CU_ASSERT_STRING_EQUAL(find("letters retri 17", &near)->name, "letters");
    CU_ASSERT_STRING_EQUAL(near, "letters retry");
    CU_ASSERT_PTR_NULL(find("xyzzy", &near));
    CU_ASSERT_PTR_NULL(near);
}

static void test_table(void)
{
    static const char *const headers[] = { "NAME", ">COUNT", "WHY", NULL };
    struct buf out;
    buf_init(&out, 1 << 16);
    struct table *t = table_new(headers);
    table_cell(t, TONE_GOOD, "m\xc3\xbcller");
    table_number(t, TONE_PLAIN, 7);
    table_cell(t, TONE_BAD, "\x1b[31mred\nline");
    table_cell(t, TONE_PLAIN, "a");
    table_number(t, TONE_PLAIN, 123456);
    table_cell(t, TONE_PLAIN, NULL);
    table_print(t, false, &out);
    CU_ASSERT_STRING_EQUAL(buf_text(&out),
                           "NAME     COUNT  WHY\n"
                           "m\xc3\xbcller       7  ?[31mred?line\n" /* moves no cursor */
                           "a       123456  -\n");
    buf_clear(&out);
    table_say(&out, true, TONE_BAD, "stuck");
    CU_ASSERT_STRING_EQUAL(buf_text(&out), "\x1b[31;1mstuck\x1b[0m");
    buf_deinit(&out);
}

/* What another version of walproxy does not tell is a dash, never a crash. */
static void test_strange_answers(void)
{
    static const char *const answers[] = {
        "{}",
        "[]",
        "null",
        "{\"instances\":[{}],\"write_ahead_log\":{}}",
        "{\"instances\":[7]}",
        "{\"pending\":[{}]}",
        "{\"pending\":7}",
        "{\"dead_letters\":[{\"reason\":\"{\",\"refused_by\":[null]}]}",
        "{\"ids\":[{}],\"next\":\"x\"}",
        "{\"instances\":[{\"next\":[{}]}]}",
        "{\"missing\":{\"writes\":3,\"listed\":[null]}}",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct buf out;
        json_t *json = json_loads(answers[i], JSON_DECODE_ANY, NULL);
        buf_init(&out, 1 << 20);
        show_status(&out, false, json);
        show_pending(&out, false, json);
        show_letters(&out, false, json);
        show_letter(&out, false, json);
        show_plan(&out, false, json);
        show_ids(&out, false, json);
        show_comparison(&out, false, json);
        show_missing(&out, false, json);
        CU_ASSERT_FALSE(out.failed);
        CU_ASSERT_PTR_NULL(strstr(buf_text(&out), "(null)"));
        buf_deinit(&out);
        json_decref(json);
    }
}

static void test_manual(void)
{
    struct buf tables;
    buf_init(&tables, 1 << 16);
    ctl_manual(&tables);
    manual_assert_current("ctl.md", buf_str(&tables));
    buf_deinit(&tables);
}

static const struct suite_test tests[] = {
    { "options stand anywhere on the line", test_options },
    { "a wrong one is told, with the nearest right name", test_wrong_options },
    { "the environment gives what the line does not", test_environment },
    { "verbs of one word and of two, and their typos", test_verbs },
    { "tables are aligned, and their cells control no terminal", test_table },
    { "an answer of another shape is shown as far as it goes", test_strange_answers },
    { "docs/ctl.md holds the verbs, options and exit statuses", test_manual },
};

TEST_MAIN("ctl line", tests)
