/* reports/: the files say what the run came to, whatever bytes stand in it; and when they cannot be
 * written, one line says so and nothing half is left. */
#include "base/memory.h"
#include "reports/report.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/sample_run.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 512
/* Everything that some format takes for its own, and bytes that are no text. */
#define NASTY "a<b> & \"c\" 'd' | `e` ]]> \x01\x1b[31m \xff\xfe \xc3\xa9 </script><!-- \n2nd"

static char folder[PATH_BYTES / 2];

static void path_of(const char *name, char path[PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

/* Whole file, terminated; the caller frees.  NULL when it is not there. */
static char *slurp(const char *name)
{
    char path[PATH_BYTES];
    path_of(name, path);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return NULL;
    }
    char *text = mem_alloc((size_t)8 << 20);
    (void)fread(text, 1, ((size_t)8 << 20) - 1, file);
    (void)fclose(file);
    return text;
}

static bool holds(const char *name, const char *wanted)
{
    char *text = slurp(name);
    bool found = text != NULL && strstr(text, wanted) != NULL;
    if (!found) {
        (void)fprintf(stderr, "\"%s\" is not in %s\n", wanted, name);
    }
    mem_free(text);
    return found;
}

static size_t place_of(const char *name, const char *wanted)
{
    char *text = slurp(name);
    const char *at = text == NULL ? NULL : strstr(text, wanted);
    size_t place = at == NULL ? SIZE_MAX : (size_t)(at - text);
    mem_free(text);
    return place;
}

/* Files in the folder, "." and ".." not counted. */
static size_t files_in_folder(void)
{
    size_t count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e = d == NULL ? NULL : readdir(d); e != NULL; e = readdir(d)) {
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 ? 1 : 0;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return count;
}

static void write_sample(struct sample_run *s)
{
    struct errmsg msg = { "" };
    CU_ASSERT_EQUAL(report_write(folder, &s->results, &msg), 0);
    CU_ASSERT_STRING_EQUAL(msg.text, "");
}

static json_t *results_json(void)
{
    char path[PATH_BYTES];
    path_of("results.json", path);
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        (void)fprintf(stderr, "results.json:%d: %s\n", error.line, error.text);
    }
    return root;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static json_int_t number_at(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* --- what is written --------------------------------------------------------------------------------------
 */

static void json_reads_back(void)
{
    struct sample_run s;
    sample_run_init(&s);
    s.results.seed = UINT64_C(9007199254740993); /* more than a double holds */
    struct assertion_result *a =
        sample_assert(&s.results, ASSERT_INVARIANT, "no_lost_ack", false, "none", "one");
    a->at_ns = 61234567891;
    s.history.lb_lost_queue = true;
    s.history.lost_on_crash = 17;
    write_sample(&s);
    json_t *root = results_json();
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT_STRING_EQUAL(text_at(root, "verdict"), "PASS");
    CU_ASSERT_STRING_EQUAL(text_at(root, "words"), "Nothing acknowledged was lost.");
    CU_ASSERT_STRING_EQUAL(text_at(root, "engine"), "sim");
    CU_ASSERT_STRING_EQUAL(text_at(root, "reproduce"), s.results.reproduce);
    CU_ASSERT_EQUAL(number_at(root, "seed"), 9007199254740993);
    CU_ASSERT_TRUE(json_is_null(json_object_get(root, "journal_hash")));
    CU_ASSERT_EQUAL(json_number_value(json_object_get(root, "simulated_s")), 600);
    CU_ASSERT_EQUAL(json_number_value(json_object_get(root, "wall_s")), 0.25);
    CU_ASSERT_EQUAL(number_at(json_object_get(root, "checks"), "failed"), 1);
    const json_t *failed = json_array_get(json_object_get(root, "assertions"), 1);
    CU_ASSERT_STRING_EQUAL(text_at(failed, "kind"), "invariant");
    CU_ASSERT_STRING_EQUAL(text_at(failed, "file"), "scenarios/sample.yaml");
    CU_ASSERT_EQUAL(number_at(failed, "line"), 12);
    CU_ASSERT_TRUE(json_is_false(json_object_get(failed, "passed")));
    CU_ASSERT_DOUBLE_EQUAL(json_number_value(json_object_get(failed, "at_s")), 61.234567891, 0);
    const json_t *account = json_object_get(root, "account");
    CU_ASSERT_EQUAL(number_at(json_object_get(account, "writes"), "queued"), 300);
    CU_ASSERT_EQUAL(number_at(json_object_get(account, "reads"), "answered"), 1200);
    CU_ASSERT_EQUAL(number_at(account, "lost_on_crash"), 17);
    const json_t *fault = json_array_get(json_object_get(root, "faults"), 0);
    CU_ASSERT_EQUAL(number_at(fault, "hits"), 8);
    CU_ASSERT_EQUAL(number_at(fault, "touches"), 2);
    CU_ASSERT_EQUAL(json_number_value(json_object_get(fault, "end_s")), 360);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "phases")), 3);
    const json_t *step = json_array_get(json_object_get(root, "steps"), 0);
    CU_ASSERT_STRING_EQUAL(text_at(step, "output"), "{\"pending_writes\": 40}");
    const json_t *event = json_array_get(json_object_get(root, "events"), 0);
    CU_ASSERT_STRING_EQUAL(text_at(event, "text"), "writes begin to wait for the primary");
    CU_ASSERT_EQUAL(json_number_value(json_object_get(json_object_get(root, "series"), "pending_max")), 300);
    json_decref(root);
    sample_run_deinit(&s);
}

static void failures_come_first(void)
{
    struct sample_run s;
    sample_run_init(&s);
    s.results.verdict = VERDICT_FAIL;
    (void)sample_assert(&s.results, ASSERT_INVARIANT, "no_lost_ack", false, "none lost", "one lost");
    (void)sample_assert(&s.results, ASSERT_INVARIANT, "converge", true, "equal", "equal");
    write_sample(&s);
    CU_ASSERT_EQUAL(place_of("report.md", "## FAIL: A sample of a run (sim)"), 0);
    CU_ASSERT_TRUE(place_of("report.md", "no\\_lost\\_ack") == SIZE_MAX); /* it stands as code */
    CU_ASSERT_TRUE(place_of("report.md", "`no_lost_ack`") < place_of("report.md", "`wal.pending_writes"));
    CU_ASSERT_TRUE(holds("report.md", "scenarios/sample.yaml:12"));
    CU_ASSERT_TRUE(place_of("junit.xml", "no_lost_ack") < place_of("junit.xml", "wal.pending_writes"));
    CU_ASSERT_TRUE(holds("junit.xml", "<failure message=\"expected none lost; saw one lost\">"));
    CU_ASSERT_TRUE(holds("junit.xml", "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"0\""));
    sample_run_deinit(&s);
}

/* Skipped with its reason; INVALID is an error even when every assertion held. */
static void nothing_proven_is_not_green(void)
{
    struct sample_run s;
    sample_run_init(&s);
    s.results.verdict = VERDICT_INVALID;
    struct assertion_result *a =
        sample_assert(&s.results, ASSERT_INVARIANT, "converge", false, "equal", "waived by the scenario");
    a->skipped = true;
    write_sample(&s);
    CU_ASSERT_TRUE(holds("junit.xml", "tests=\"3\" failures=\"0\" errors=\"1\" skipped=\"1\""));
    CU_ASSERT_TRUE(
        holds("junit.xml", "<error type=\"INVALID\" message=\"Nothing acknowledged was lost.\"/>"));
    CU_ASSERT_TRUE(holds("junit.xml", "<skipped message=\"waived by the scenario\"/>"));
    sample_run_deinit(&s);
}

/* A parser that is not ours reads junit.xml, and finds the failure's text as a person would want it. */
static void xml_is_well_formed(void)
{
    static const char script[] =
        "import sys, xml.etree.ElementTree as tree\n"
        "root = tree.parse(sys.argv[1]).getroot()\n"
        "case = root.findall('testcase')[0]\n"
        "print(len(root.findall('testcase')), case.get('name').replace('\\n', '/'))\n";
    char path[PATH_BYTES];
    char out[4096];
    char err[4096];
    path_of("junit.xml", path);
    const char *const argv[] = { "/usr/bin/python3", "-c", script, path, NULL };
    CU_ASSERT_EQUAL(process_run(argv, (const char *const[]){ "PYTHONIOENCODING=utf-8", NULL }, out,
                                sizeof(out), err, sizeof(err), 20000),
                    0);
    CU_ASSERT_STRING_EQUAL(err, "");
    CU_ASSERT_STRING_EQUAL(out,
                           "2 a<b> & \"c\" 'd' | `e` ]]> \xe2\x90\x81\xe2\x90\x9b[31m \xef\xbf\xbd"
                           "\xef\xbf\xbd \xc3\xa9 </script><!-- /2nd\n");
}

static void nasty_bytes_are_harmless(void)
{
    struct sample_run s;
    sample_run_init(&s);
    s.results.verdict = VERDICT_FAIL;
    (void)sample_assert(&s.results, ASSERT_STEP, NASTY, false, NASTY, NASTY);
    mem_free(s.results.title);
    s.results.title = mem_strdup(NASTY);
    mem_free(s.results.steps[0].output);
    s.results.steps[0].output = mem_strdup(NASTY);
    results_add_event(&s.results, 0, "%s", NASTY);
    write_sample(&s);
    xml_is_well_formed();
    json_t *root = results_json();
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    const char *saw = text_at(json_array_get(json_object_get(root, "assertions"), 1), "saw");
    CU_ASSERT_STRING_EQUAL(saw,
                           "a<b> & \"c\" 'd' | `e` ]]> \x01\x1b[31m \xef\xbf\xbd\xef\xbf\xbd \xc3\xa9"
                           " </script><!-- \n2nd");
    json_decref(root);
    /* one line of a table, its pipe and its tags disarmed; the code span keeps its backticks inside */
    CU_ASSERT_TRUE(holds("report.md", "`` a<b> & \"c\" 'd' \\| `e` ]]> "));
    CU_ASSERT_TRUE(holds("report.md", "| a&lt;b&gt; &amp; \"c\" 'd' \\| \\`e\\` \\]\\]&gt; "));
    CU_ASSERT_TRUE(place_of("report.md", "\x1b") == SIZE_MAX);
    sample_run_deinit(&s);
}

/* The JSON between two marks of the page; the caller drops it. */
static json_t *page_json(void)
{
    static const char open_mark[] = "<script type=\"application/json\" id=\"run\">";
    char *page = slurp("report.html");
    char *from = page == NULL ? NULL : strstr(page, open_mark);
    char *to = from == NULL ? NULL : strstr(from, "</script>");
    json_t *root = NULL;
    if (to != NULL) {
        from += sizeof(open_mark) - 1;
        root = json_loadb(from, (size_t)(to - from), JSON_REJECT_DUPLICATES, NULL);
    }
    mem_free(page);
    return root;
}

/* The page holds everything it needs and asks nobody; what a run said cannot end its script. */
static void the_page_is_whole(void)
{
    struct sample_run s;
    sample_run_init(&s);
    (void)sample_assert(&s.results, ASSERT_STEP, NASTY, false, NASTY, NASTY);
    mem_free(s.results.title);
    s.results.title = mem_strdup(NASTY);
    char *long_output = mem_alloc(100001);
    memset(long_output, 'x', 100000);
    mem_free(s.results.steps[0].output);
    s.results.steps[0].output = long_output;
    write_sample(&s);
    CU_ASSERT_EQUAL(place_of("report.html", "<!doctype html>"), 0);
    CU_ASSERT_TRUE(holds("report.html", "<title>PASS: a&lt;b&gt; &amp; \"c\" 'd'"));
    CU_ASSERT_EQUAL(place_of("report.html", "{{"), SIZE_MAX);
    CU_ASSERT_EQUAL(place_of("report.html", "src="), SIZE_MAX);
    CU_ASSERT_TRUE(holds("report.html", "default-src 'none'"));
    json_t *root = page_json();
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    const char *name = text_at(json_array_get(json_object_get(root, "assertions"), 1), "name");
    CU_ASSERT_PTR_NOT_NULL(strstr(name, "</script><!-- \n2nd"));
    const json_t *step = json_array_get(json_object_get(root, "steps"), 0);
    CU_ASSERT_EQUAL(number_at(step, "output_bytes"), 100000);
    CU_ASSERT_TRUE(json_string_length(json_object_get(step, "output")) < 10000);
    const json_t *charts = json_object_get(root, "charts");
    CU_ASSERT_EQUAL(number_at(charts, "buckets"), 60);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_object_get(charts, "writes"), "queued")), 60);
    const json_t *add = json_array_get(json_object_get(charts, "operations"), 0);
    CU_ASSERT_STRING_EQUAL(text_at(add, "op"), "add");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(add, "p99_ms")), 60);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_object_get(charts, "samples"), "pending")),
                    SAMPLE_SECONDS);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_object_get(charts, "strips"), "primary")), 3);
    json_decref(root);
    sample_run_deinit(&s);
}

/* A day long, asked every second, five writes a second, and steps that say much. */
static void a_long_run_stays_small(void)
{
    struct sample_run s;
    char path[PATH_BYTES];
    struct stat info;
    sample_run_init(&s);
    for (int64_t second = SAMPLE_SECONDS; second < 86400; second++) {
        struct status_sample *sample = history_add_sample(&s.history);
        sample->at_ns = second * SAMPLE_SECOND + 123456789;
        sample->answered = true;
        sample->pending_writes = (double)(second * 7919 % 1000);
        sample->oldest_pending_s = (double)second / 7;
        sample->healthy[0] = second % 60 != 0;
        for (int64_t i = 0; i < 5; i++) {
            struct op_record *op = history_add_op(&s.history);
            *op = s.history.ops[0];
            op->planned_ns = second * SAMPLE_SECOND + i;
            op->done_ns = op->planned_ns + 1000003 * (second % 97 + 1);
        }
    }
    for (int64_t i = 0; i < 20000; i++) {
        results_add_event(&s.results, i * SAMPLE_SECOND / 2, "replay %s", i % 2 == 0 ? "begins" : "ends");
    }
    s.results.simulated_ns = 86400 * SAMPLE_SECOND;
    write_sample(&s);
    path_of("report.html", path);
    CU_ASSERT_EQUAL_FATAL(stat(path, &info), 0);
    CU_ASSERT_TRUE(info.st_size < 2000000);
    CU_ASSERT_TRUE(info.st_size > 100000);
    sample_run_deinit(&s);
}

static void an_empty_run_is_reported(void)
{
    struct results r;
    struct errmsg msg = { "" };
    results_init(&r);
    r.verdict = VERDICT_ERROR;
    CU_ASSERT_EQUAL(report_write(folder, &r, &msg), 0);
    json_t *root = results_json();
    CU_ASSERT_STRING_EQUAL(text_at(root, "verdict"), "ERROR");
    CU_ASSERT_TRUE(json_is_null(json_object_get(root, "words")));
    json_decref(root);
    CU_ASSERT_TRUE(holds("junit.xml", "tests=\"1\" failures=\"0\" errors=\"1\""));
    CU_ASSERT_TRUE(holds("report.md", "## ERROR"));
    CU_ASSERT_TRUE(holds("report.html", "<title>ERROR: a run</title>"));
}

/* A report of an earlier run in the same folder does not tell of this one. */
static void only_chosen_formats_are_there(void)
{
    struct results r;
    struct errmsg msg = { "" };
    struct stat info;
    char path[PATH_BYTES];
    results_init(&r);
    CU_ASSERT_EQUAL(report_write(folder, &r, &msg), 0);
    r.formats = REPORT_JSON | REPORT_MARKDOWN;
    CU_ASSERT_EQUAL(report_write(folder, &r, &msg), 0);
    static const char *const names[] = { "results.json", "report.md", "junit.xml", "report.html" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(names[i], path);
        CU_ASSERT_EQUAL(stat(path, &info) == 0, i < 2);
    }
}

/* --- where it cannot be written
 * ----------------------------------------------------------------------------- */

static bool says(const struct errmsg *msg, const char *wanted)
{
    bool said = strstr(msg->text, wanted) != NULL && strchr(msg->text, '\n') == NULL;
    if (!said) {
        (void)fprintf(stderr, "\"%s\" is not in \"%s\"\n", wanted, msg->text);
    }
    return said;
}

static void a_file_in_the_way_of_the_folder(void)
{
    struct sample_run s;
    struct errmsg msg = { "" };
    char path[PATH_BYTES];
    sample_run_init(&s);
    path_of("plain", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    (void)close(fd);
    CU_ASSERT_NOT_EQUAL(report_write(path, &s.results, &msg), 0);
    CU_ASSERT_TRUE(says(&msg, "plain is there but is no folder"));
    path_of("plain/below", path);
    CU_ASSERT_NOT_EQUAL(report_write(path, &s.results, &msg), 0);
    CU_ASSERT_TRUE(says(&msg, "cannot make the folder"));
    CU_ASSERT_TRUE(says(&msg, "Not a directory"));
    CU_ASSERT_EQUAL(files_in_folder(), 1);
    sample_run_deinit(&s);
}

static void a_folder_in_the_way_of_a_file(void)
{
    struct sample_run s;
    struct errmsg msg = { "" };
    char path[PATH_BYTES];
    sample_run_init(&s);
    path_of("results.json", path);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
    CU_ASSERT_NOT_EQUAL(report_write(folder, &s.results, &msg), 0);
    CU_ASSERT_TRUE(says(&msg, "cannot put"));
    CU_ASSERT_TRUE(says(&msg, "results.json in place: Is a directory"));
    CU_ASSERT_EQUAL(files_in_folder(), 1); /* it alone: no temporary names */
    sample_run_deinit(&s);
}

/* A disk that is full in the middle of a file (here: a limit on the size of files).  The old report stays. */
static void a_full_disk_leaves_the_old_report(void)
{
    struct sample_run s;
    struct errmsg msg = { "" };
    sample_run_init(&s);
    write_sample(&s);
    size_t files = files_in_folder();
    s.results.verdict = VERDICT_FAIL;
    struct rlimit before;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    const struct rlimit tight = { 1000, before.rlim_max };
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int rv = report_write(folder, &s.results, &msg);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    CU_ASSERT_EQUAL(rv, ERR_IO);
    CU_ASSERT_TRUE(says(&msg, "cannot write"));
    CU_ASSERT_TRUE(says(&msg, "results.json: File too large"));
    CU_ASSERT_EQUAL(files_in_folder(), files);
    CU_ASSERT_TRUE(holds("results.json", "\"verdict\": \"PASS\""));
    sample_run_deinit(&s);
}

/* Root may write anywhere, so the folder is one that nobody may write into. */
static void an_unwritable_folder(void)
{
    struct sample_run s;
    struct errmsg msg = { "" };
    sample_run_init(&s);
    CU_ASSERT_NOT_EQUAL(report_write("/proc/self", &s.results, &msg), 0);
    CU_ASSERT_TRUE(says(&msg, "/proc/self"));
    CU_ASSERT_NOT_EQUAL(report_write("", &s.results, &msg), 0);
    CU_ASSERT_TRUE(says(&msg, "the folder's name is empty"));
    sample_run_deinit(&s);
}

static void folders_above_are_made(void)
{
    struct sample_run s;
    struct errmsg msg = { "" };
    char path[PATH_BYTES];
    sample_run_init(&s);
    path_of("a/b//c/", path);
    CU_ASSERT_EQUAL(report_write(path, &s.results, &msg), 0);
    CU_ASSERT_TRUE(holds("a/b/c/results.json", "\"verdict\""));
    sample_run_deinit(&s);
}

/* --- each in a folder of its own
 * ------------------------------------------------------------------------------ */

#define IN_FOLDER(test)                                              \
    static void in_folder_##test(void)                               \
    {                                                                \
        CU_ASSERT_TRUE_FATAL(temp_dir_make(folder, sizeof(folder))); \
        test();                                                      \
        temp_dir_remove(folder);                                     \
    }
IN_FOLDER(json_reads_back)
IN_FOLDER(failures_come_first)
IN_FOLDER(nothing_proven_is_not_green)
IN_FOLDER(nasty_bytes_are_harmless)
IN_FOLDER(the_page_is_whole)
IN_FOLDER(a_long_run_stays_small)
IN_FOLDER(an_empty_run_is_reported)
IN_FOLDER(a_file_in_the_way_of_the_folder)
IN_FOLDER(a_folder_in_the_way_of_a_file)
IN_FOLDER(a_full_disk_leaves_the_old_report)
IN_FOLDER(an_unwritable_folder)
IN_FOLDER(folders_above_are_made)

static const struct suite_test tests[] = {
    { "results.json parses back to the same figures", in_folder_json_reads_back },
    { "failures come first", in_folder_failures_come_first },
    { "a run that proves nothing is not green", in_folder_nothing_proven_is_not_green },
    { "nasty bytes are harmless in every format", in_folder_nasty_bytes_are_harmless },
    { "the page holds everything it needs", in_folder_the_page_is_whole },
    { "a long run's page stays small", in_folder_a_long_run_stays_small },
    { "only the chosen formats are in the folder", only_chosen_formats_are_there },
    { "an empty run is reported", in_folder_an_empty_run_is_reported },
    { "a file in the way of the folder is told", in_folder_a_file_in_the_way_of_the_folder },
    { "a folder in the way of a file is told", in_folder_a_folder_in_the_way_of_a_file },
    { "a full disk leaves the old report whole", in_folder_a_full_disk_leaves_the_old_report },
    { "an unwritable folder is told", in_folder_an_unwritable_folder },
    { "the folders above are made", in_folder_folders_above_are_made },
};
TEST_MAIN("report of a run", tests)
