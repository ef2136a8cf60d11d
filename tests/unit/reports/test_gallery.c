/* reports/gallery: every run below a folder is on the page, failures first, whatever their names and titles
 * are. */
#include "base/memory.h"
#include "reports/gallery.h"
#include "reports/report.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/place.h"
#include "tests/unit/reports/sample_run.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 256

static char folder[PATH_BYTES];

static void write_run(const char *place, const char *title, enum verdict verdict)
{
    struct sample_run s;
    struct errmsg msg = { "" };
    char path[PATH_BYTES * 2];
    sample_run_init(&s);
    mem_free(s.results.title);
    s.results.title = mem_strdup(title);
    s.results.verdict = verdict;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, place);
    CU_ASSERT_EQUAL_FATAL(report_write(path, &s.results, &msg), 0);
    sample_run_deinit(&s);
}

static void write_page(size_t wanted, struct buf *page)
{
    struct errmsg msg = { "" };
    size_t count = 0;
    CU_ASSERT_EQUAL_FATAL(gallery_write(folder, false, &count, &msg), 0);
    CU_ASSERT_EQUAL(count, wanted);
    CU_ASSERT_TRUE_FATAL(place_read(folder, "index.html", page));
}

static size_t place_in(struct buf *page, const char *text)
{
    const char *at = strstr(buf_text(page), text);
    return at == NULL ? SIZE_MAX : (size_t)(at - buf_text(page));
}

static void all_runs_are_there_failures_first(void)
{
    struct buf page;
    write_run("a-good", "All went well", VERDICT_PASS);
    write_run("suite/b-bad", "It did not", VERDICT_FAIL);
    write_run("suite/c-void", "Nothing was proven", VERDICT_INVALID);
    write_page(3, &page);
    CU_ASSERT_TRUE(place_in(&page, "href=\"suite/b-bad/report.html\"") <
                   place_in(&page, "href=\"suite/c-void/report.html\""));
    CU_ASSERT_TRUE(place_in(&page, "href=\"suite/c-void/report.html\"") <
                   place_in(&page, "href=\"a-good/report.html\""));
    CU_ASSERT_TRUE(place_in(&page, "href=\"a-good/report.html\"") != SIZE_MAX);
    CU_ASSERT_TRUE(place_in(&page, "1 of 3 runs passed. Together they took 0.8 s.") != SIZE_MAX);
    CU_ASSERT_TRUE(place_in(&page, "aria-label=\"pending writes, at most 300\"") != SIZE_MAX);
    CU_ASSERT_TRUE(place_in(&page, "NOT ALL PASSED") != SIZE_MAX);
    buf_deinit(&page);
}

static void names_are_text(void)
{
    struct buf page;
    write_run("a\"b<c>&d", "</td><script>alert(1)</script>", VERDICT_PASS);
    write_page(1, &page);
    CU_ASSERT_EQUAL(place_in(&page, "<script"), SIZE_MAX);
    CU_ASSERT_TRUE(place_in(&page, "href=\"a&quot;b&lt;c&gt;&amp;d/report.html\"") != SIZE_MAX);
    CU_ASSERT_TRUE(place_in(&page, ">PASS</span><span>All runs") != SIZE_MAX);
    buf_deinit(&page);
}

static void what_cannot_be_read_is_listed(void)
{
    struct buf page;
    char path[PATH_BYTES * 2];
    write_run("good", "All went well", VERDICT_PASS);
    (void)snprintf(path, sizeof(path), "%s/broken", folder);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0755), 0);
    place_write(path, "results.json", STR("{"));
    (void)snprintf(path, sizeof(path), "%s/plan", folder);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0755), 0);
    place_write(path, "capacity.html", STR("<p>"));
    write_page(2, &page);
    CU_ASSERT_TRUE(place_in(&page, "data-verdict=\"UNREADABLE\"") != SIZE_MAX);
    CU_ASSERT_TRUE(place_in(&page, "results.json cannot be read") != SIZE_MAX);
    CU_ASSERT_TRUE(place_in(&page, "1 of 2 runs passed") != SIZE_MAX);
    CU_ASSERT_TRUE(place_in(&page, "href=\"plan/capacity.html\">Capacity: plan</a>") != SIZE_MAX);
    buf_deinit(&page);
}

static void a_run_without_a_page_is_not_linked(void)
{
    struct buf page;
    char path[PATH_BYTES * 2];
    write_run("good", "All went well", VERDICT_PASS);
    (void)snprintf(path, sizeof(path), "%s/good/report.html", folder);
    CU_ASSERT_EQUAL_FATAL(unlink(path), 0);
    write_page(1, &page);
    CU_ASSERT_TRUE(place_in(&page, "All went well<br>") != SIZE_MAX);
    CU_ASSERT_EQUAL(place_in(&page, "<a href"), SIZE_MAX);
    buf_deinit(&page);
}

static void no_run_is_an_error(void)
{
    struct errmsg msg = { "" };
    size_t count = 7;
    CU_ASSERT_EQUAL(gallery_write(folder, false, &count, &msg), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "no run below"));
}

#define IN_FOLDER(test)                                              \
    static void in_folder_##test(void)                               \
    {                                                                \
        CU_ASSERT_TRUE_FATAL(temp_dir_make(folder, sizeof(folder))); \
        test();                                                      \
        temp_dir_remove(folder);                                     \
    }
IN_FOLDER(all_runs_are_there_failures_first)
IN_FOLDER(names_are_text)
IN_FOLDER(what_cannot_be_read_is_listed)
IN_FOLDER(a_run_without_a_page_is_not_linked)
IN_FOLDER(no_run_is_an_error)

static const struct suite_test tests[] = {
    { "all runs are there, failures first", in_folder_all_runs_are_there_failures_first },
    { "names and titles are text", in_folder_names_are_text },
    { "what cannot be read is listed with the reason", in_folder_what_cannot_be_read_is_listed },
    { "a run without a page is not linked", in_folder_a_run_without_a_page_is_not_linked },
    { "no run is an error", in_folder_no_run_is_an_error },
};
TEST_MAIN("all runs on one page", tests)
