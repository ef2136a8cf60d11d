/* waldrill report: what runs left behind, shown anew, compared, or listed.  Three verbs in one command: a
 * folder alone is reported again, "diff" puts some beside each other, "gallery" lists all. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"
#include "harness/cli/report.h"

#include "base/units.h"
#include "reports/diff.h"
#include "reports/gallery.h"
#include "reports/report.h"
#include "reports/source.h"
#include <string.h>

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
    "above their highest by more than the floor, and better when it is below their lowest by more.  A folder "
    "that\n"
    "waldrill run --repeat made stands for all of its runs; of several as B the median is judged, and of "
    "what has\n"
    "no band the worst.  Where runs differ, their column says lowest .. highest.\n"
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
    "  waldrill run a.yaml --engine real --repeat 5 --out before\n"
    "  waldrill report diff before after\n"
    "  waldrill report after\n"
    "  waldrill report gallery rehearsal\n"
    "\n"
    "exit status: 0 done, and nothing is worse; 1 something is worse; 2 usage wrong, or nothing to report;\n"
    "             4 it cannot be written\n";

struct report_request {
    const char *out; /* NULL = where it came from */
    struct report_diff_request diff;
    bool whole;
};

void report_print_missing(const char *path, const struct results *r)
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
        report_print_missing(path, &source.results);
    }
    report_source_close(&source);
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
                        : request->diff.markdown                    ? "--markdown"
                        : request->diff.all                         ? "--all"
                                                                    : NULL;
    if (given != NULL) {
        (void)fprintf(stderr, "waldrill report: %s is not for this; see waldrill report --help\n", given);
    }
    return given == NULL;
}

int command_report(int argc, char **argv)
{
    struct report_request request = { .diff = { .band = DIFF_BAND_UNSAID } };
    const char *band = NULL;
    const struct cli_option options[] = { { "--out", &request.out, NULL },
                                          { "--band", &band, NULL },
                                          { "--markdown", NULL, &request.diff.markdown },
                                          { "--all", NULL, &request.diff.all },
                                          { "--whole", NULL, &request.whole } };
    struct errmsg msg = { "" };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0]))) {
        return EXIT_USAGE;
    }
    if (band != NULL && units_parse_share(str_of(band), true, &request.diff.band, &msg) != 0) {
        (void)fprintf(stderr, "waldrill report: --band is a share from 0%% to 100%%: %s\n", msg.text);
        return EXIT_USAGE;
    }
    if (!options_fit(&request, band, argc >= 2 ? argv[1] : "")) {
        return EXIT_USAGE;
    }
    if (argc >= 2 && strcmp(argv[1], "diff") == 0) {
        return report_diff((size_t)argc - 2, argv + 2, &request.diff);
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
