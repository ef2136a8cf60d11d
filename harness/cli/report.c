/* waldrill report: what runs left behind, shown anew, compared, or listed.  Three verbs in one command: a
 * folder alone is reported again, "diff" puts some beside each other, "gallery" lists all. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/units.h"
#include "reports/diff.h"
#include "reports/gallery.h"
#include "reports/report.h"
#include "reports/source.h"
#include <string.h>

#define DIFF_BYTES ((size_t)16 << 20)

static const char help[] =
    "usage: waldrill report FOLDER [--out DIR]\n"
    "       waldrill report diff A... B [--band SHARE] [--markdown] [--all]\n"
    "       waldrill report gallery FOLDER [--whole]\n"
    "\n"
    "Shows anew, compares or lists what waldrill run left behind.\n"
    "\n"
    "report FOLDER writes report.html, report.md, junit.xml and series.csv again, from the results.json of a "
    "run\n"
    "and, for what that does not hold, its events.jsonl; one of these files does as well as the folder.  "
    "What is\n"
    "cut, foreign or not there is named, in the report and here, and what is there is shown.\n"
    "\n"
    "  --out DIR     write there instead, results.json too\n"
    "\n"
    "report diff A B says what is worse in B than in A: the verdict, each check, operations not served, "
    "peaks,\n"
    "recovery times and latencies.  A figure is worse when it is larger by more than max(band * A, floor);\n"
    "the floor is 1 ms, 1 s, 1 MiB or 2, by its unit.  Dead letters, failed replays and lost writes have no "
    "band.\n"
    "\n"
    "Several runs as A (other seeds, or repeated on real) measure the noise: a figure of B is worse when it "
    "is\n"
    "above their highest by more than the floor, and better when it is below their lowest by more.  Where "
    "they\n"
    "differ, the column of A says lowest .. highest.\n"
    "\n"
    "  --band SHARE  what counts as noise, too (default 10%; 0% when A is several); runs of a seed on sim "
    "are\n"
    "                equal, so 0% does for them\n"
    "  --markdown    a table for a pull request\n"
    "  --all         what is the same, too\n"
    "\n"
    "report gallery FOLDER writes FOLDER/index.html: every run below it, those that failed first, with a "
    "small\n"
    "picture of its pending writes and a link to its report.  waldrill run of several files does so by "
    "itself.\n"
    "\n"
    "  --whole       FOLDER/whole.html, too: one file that holds the reports, and pages of capacity\n"
    "\n"
    "examples\n"
    "  waldrill run a.yaml --engine sim --out before        # then change something\n"
    "  waldrill run a.yaml --engine sim --out after\n"
    "  waldrill report diff before after --band 5%\n"
    "  waldrill report diff before-1 before-2 before-3 after\n"
    "  waldrill report after\n"
    "  waldrill report gallery rehearsal\n"
    "\n"
    "exit status: 0 done, and nothing is worse; 1 something is worse; 2 usage wrong, or nothing to report;\n"
    "             4 it cannot be written\n";

struct report_request {
    const char *out; /* NULL = where it came from */
    double band;     /* DIFF_BAND_UNSAID */
    bool markdown, all, whole;
};

static void print_missing(const char *path, const struct results *r)
{
    for (size_t i = 0; i < r->missing_count; i++) {
        (void)printf("  %s: missing: %s\n", path, r->missing[i]);
    }
}

static bool is_folder_of(const char *path, char out[CLI_PATH])
{
    struct str text = str_of(path);
    bool file = str_ends(text, STR(".json")) || str_ends(text, STR(".jsonl"));
    const char *slash = strrchr(path, '/');
    int length = !file           ? snprintf(out, CLI_PATH, "%s", path)
                 : slash == NULL ? snprintf(out, CLI_PATH, ".")
                                 : snprintf(out, CLI_PATH, "%.*s", (int)(slash - path), path);
    return length > 0 && length < CLI_PATH;
}

static int report_again(const char *path, const struct report_request *request)
{
    struct report_source source;
    struct errmsg msg = { "" };
    char place[CLI_PATH];
    if (report_source_open(&source, path, &msg) != 0) {
        (void)fprintf(stderr, "waldrill report: %s\n", msg.text);
        return EXIT_USAGE;
    }
    int status = EXIT_PASS;
    if (!is_folder_of(path, place)) {
        status = EXIT_USAGE;
        (void)fputs("waldrill report: the folder's name is too long\n", stderr);
    } else if (report_rewrite(request->out == NULL ? place : request->out, &source.results, &source.figures,
                              request->out != NULL, &msg) != 0) {
        status = EXIT_INFRASTRUCTURE;
        (void)fprintf(stderr, "waldrill report: the report could not be written: %s\n", msg.text);
    } else {
        (void)printf("%s: %s/report.html\n", verdict_name(source.results.verdict),
                     request->out == NULL ? place : request->out);
        print_missing(path, &source.results);
    }
    report_source_close(&source);
    return status;
}

/* A cut report may not tell. */
static const char *told(const char *text)
{
    return text == NULL ? "?" : text;
}

static void print_run(const char *letter, const char *path, const struct results *r)
{
    (void)printf("%s: %s %s (%s, seed %llu) in %s\n", letter, verdict_name(r->verdict), told(r->scenario),
                 told(r->engine), (unsigned long long)r->seed, path);
}

/* Those before are A, or A1, A2, ... */
static void print_runs(const struct report_source *runs, size_t count, char **paths)
{
    for (size_t i = 0; i < count; i++) {
        char letter[24] = "A";
        if (i + 1 == count) {
            letter[0] = 'B';
        } else if (count > 2) {
            (void)snprintf(letter, sizeof(letter), "A%zu", i + 1);
        }
        print_run(letter, paths[i], &runs[i].results);
    }
    for (size_t i = 0; i < count; i++) {
        print_missing(paths[i], &runs[i].results);
    }
}

static int print_diff(const struct report_source *runs, size_t count, char **paths,
                      const struct report_request *request)
{
    struct diff d;
    struct buf out;
    diff_init(&d, runs, count, request->band);
    buf_init(&out, DIFF_BYTES);
    if (request->markdown) {
        diff_markdown(&out, &d, request->all);
    } else {
        print_runs(runs, count, paths);
        diff_text(&out, &d, request->all);
    }
    bool written = fputs(buf_text(&out), stdout) >= 0 && fflush(stdout) == 0 && !out.failed;
    int status = !written ? EXIT_INFRASTRUCTURE : d.worse > 0 ? EXIT_FAILED : EXIT_PASS;
    buf_deinit(&out);
    diff_deinit(&d);
    return status;
}

static void close_runs(struct report_source *runs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        report_source_close(&runs[i]);
    }
    mem_free(runs);
}

/* How far apart the runs before lie is noise only when they are one thing done again. */
static bool are_repetitions(const struct report_source *runs, size_t count, char **paths)
{
    for (size_t i = 1; i < count; i++) {
        const struct results *first = &runs[0].results;
        const struct results *r = &runs[i].results;
        if (!diff_repeats(&runs[0], &runs[i])) {
            (void)fprintf(
                stderr,
                "waldrill report: %s (%s on %s) does not repeat %s (%s on %s); all runs but the last "
                "have to be one scenario on one engine\n",
                paths[i], told(r->scenario), told(r->engine), paths[0], told(first->scenario),
                told(first->engine));
            return false;
        }
    }
    return true;
}

static int report_diff(int argc, char **argv, const struct report_request *request)
{
    struct errmsg msg = { "" };
    if (argc < 2) {
        (void)fputs(
            "waldrill report: diff wants two runs, or several and the one after them: "
            "waldrill report diff A... B\n",
            stderr);
        return EXIT_USAGE;
    }
    size_t count = (size_t)argc;
    struct report_source *runs = mem_alloc_array(count, sizeof(*runs));
    for (size_t i = 0; i < count; i++) {
        if (report_source_open(&runs[i], argv[i], &msg) != 0) {
            (void)fprintf(stderr, "waldrill report: %s\n", msg.text);
            close_runs(runs, i);
            return EXIT_USAGE;
        }
    }
    int status = are_repetitions(runs, count - 1, argv) ? print_diff(runs, count, argv, request) : EXIT_USAGE;
    close_runs(runs, count);
    return status;
}

static int report_gallery(int argc, char **argv, bool whole)
{
    struct errmsg msg = { "" };
    size_t count = 0;
    if (argc != 1) {
        (void)fputs("waldrill report: gallery wants one folder: waldrill report gallery FOLDER\n", stderr);
        return EXIT_USAGE;
    }
    int rv = gallery_write(argv[0], whole, &count, &msg);
    if (rv != 0) {
        (void)fprintf(stderr, "waldrill report: %s\n", msg.text);
        return rv == ERR_NOT_FOUND ? EXIT_USAGE : EXIT_INFRASTRUCTURE;
    }
    (void)printf("%zu runs: %s/%s\n", count, argv[0], whole ? "whole.html" : "index.html");
    return EXIT_PASS;
}

/* An option that the verb would not look at is a mistake, not a wish granted. */
static bool options_fit(const struct report_request *request, const char *band, const char *verb)
{
    bool diff = strcmp(verb, "diff") == 0;
    bool gallery = strcmp(verb, "gallery") == 0;
    const char *given = request->whole && !gallery                  ? "--whole"
                        : request->out != NULL && (diff || gallery) ? "--out"
                        : diff                                      ? NULL
                        : band != NULL                              ? "--band"
                        : request->markdown                         ? "--markdown"
                        : request->all                              ? "--all"
                                                                    : NULL;
    if (given != NULL) {
        (void)fprintf(stderr, "waldrill report: %s is not for this; see waldrill report --help\n", given);
    }
    return given == NULL;
}

int command_report(int argc, char **argv)
{
    struct report_request request = { .band = DIFF_BAND_UNSAID };
    const char *band = NULL;
    const struct cli_option options[] = { { "--out", &request.out, NULL },
                                          { "--band", &band, NULL },
                                          { "--markdown", NULL, &request.markdown },
                                          { "--all", NULL, &request.all },
                                          { "--whole", NULL, &request.whole } };
    struct errmsg msg = { "" };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0]))) {
        return EXIT_USAGE;
    }
    if (band != NULL && units_parse_share(str_of(band), true, &request.band, &msg) != 0) {
        (void)fprintf(stderr, "waldrill report: --band is a share from 0%% to 100%%: %s\n", msg.text);
        return EXIT_USAGE;
    }
    if (!options_fit(&request, band, argc >= 2 ? argv[1] : "")) {
        return EXIT_USAGE;
    }
    if (argc >= 2 && strcmp(argv[1], "diff") == 0) {
        return report_diff(argc - 2, argv + 2, &request);
    }
    if (argc >= 2 && strcmp(argv[1], "gallery") == 0) {
        return report_gallery(argc - 2, argv + 2, request.whole);
    }
    if (argc != 2) {
        (void)fputs(
            "waldrill report: which run?  waldrill report FOLDER, report diff A... B, or report gallery "
            "FOLDER\n",
            stderr);
        return EXIT_USAGE;
    }
    return report_again(argv[1], &request);
}
