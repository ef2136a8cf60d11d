/* waldrill report diff A... B: opens the runs that the arguments stand for (a folder that run --repeat made
 * stands for all of its repetitions), makes sure that those of a side repeat one another, and prints what is
 * worse.  Nothing is compared when one of them cannot be read. */
#include "harness/cli/cli.h"
#include "harness/cli/report.h"

#include "base/buf.h"
#include "base/memory.h"
#include "reports/diff.h"
#include "reports/folder.h"
#include "reports/source.h"

#define DIFF_BYTES ((size_t)16 << 20)

struct runs {
    struct report_source *sources;
    char **paths;
    size_t count;
    size_t before; /* of them */
};

/* A cut report may not tell. */
static const char *told(const char *text)
{
    return text == NULL ? "?" : text;
}

/* ---- opening ---- */

static bool open_run(struct runs *runs, const char *path)
{
    struct errmsg msg = { "" };
    runs->sources = mem_realloc(runs->sources, (runs->count + 1) * sizeof(*runs->sources));
    runs->paths = mem_realloc(runs->paths, (runs->count + 1) * sizeof(*runs->paths));
    if (report_source_open(&runs->sources[runs->count], path, &msg) != 0) {
        (void)fprintf(stderr, "waldrill report: %s\n", msg.text);
        return false;
    }
    runs->paths[runs->count++] = mem_strdup(path);
    return true;
}

/* A run, or all repetitions of one. */
static bool open_side(struct runs *runs, const char *path)
{
    size_t repetitions = report_source_is_there(path) ? 0 : folder_repetitions(path);
    if (repetitions == 0) {
        return open_run(runs, path);
    }
    bool opened = true;
    for (size_t i = 1; i <= repetitions && opened; i++) {
        char one[CLI_PATH];
        int length = snprintf(one, sizeof(one), "%s", path);
        opened = length > 0 && (size_t)length < sizeof(one) && folder_repetition(one, sizeof(one), i) &&
                 open_run(runs, one);
    }
    return opened;
}

/* How far apart the runs of a side lie is noise only when they are one thing done again. */
static bool are_repetitions(const struct runs *runs, size_t begin, size_t end)
{
    for (size_t i = begin + 1; i < end; i++) {
        const struct results *first = &runs->sources[begin].results;
        const struct results *r = &runs->sources[i].results;
        if (!diff_repeats(&runs->sources[begin], &runs->sources[i])) {
            (void)fprintf(stderr,
                          "waldrill report: %s (%s on %s) does not repeat %s (%s on %s); all runs of a side "
                          "have to be one scenario on one engine\n",
                          runs->paths[i], told(r->scenario), told(r->engine), runs->paths[begin],
                          told(first->scenario), told(first->engine));
            return false;
        }
    }
    return true;
}

static bool open_all(struct runs *runs, size_t count, char **paths)
{
    for (size_t i = 0; i < count; i++) {
        runs->before = runs->count; /* the last argument's are those after */
        if (!open_side(runs, paths[i])) {
            return false;
        }
    }
    return are_repetitions(runs, 0, runs->before) && are_repetitions(runs, runs->before, runs->count);
}

static void close_all(struct runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        report_source_close(&runs->sources[i]);
        mem_free(runs->paths[i]);
    }
    mem_free(runs->sources);
    mem_free(runs->paths);
}

/* ---- printing ---- */

/* A and B; where a side has several, A1, A2, ... */
static void print_runs(const struct runs *runs)
{
    for (size_t i = 0; i < runs->count; i++) {
        bool before = i < runs->before;
        size_t number = before ? i + 1 : i - runs->before + 1;
        size_t of = before ? runs->before : runs->count - runs->before;
        const struct results *r = &runs->sources[i].results;
        char number_words[24] = "";
        if (of > 1) {
            (void)snprintf(number_words, sizeof(number_words), "%zu", number);
        }
        (void)printf("%c%s: %s %s (%s, seed %llu) in %s\n", before ? 'A' : 'B', number_words,
                     verdict_name(r->verdict), told(r->scenario), told(r->engine),
                     (unsigned long long)r->seed, runs->paths[i]);
    }
    for (size_t i = 0; i < runs->count; i++) {
        report_print_missing(runs->paths[i], &runs->sources[i].results);
    }
}

static int print_diff(const struct runs *runs, const struct report_diff_request *request)
{
    struct diff d;
    struct buf out;
    diff_init(&d, runs->sources, runs->before, runs->count - runs->before, request->band);
    buf_init(&out, DIFF_BYTES);
    if (request->markdown) {
        diff_markdown(&out, &d, request->all);
    } else {
        print_runs(runs);
        diff_text(&out, &d, request->all);
    }
    bool written = fputs(buf_text(&out), stdout) >= 0 && fflush(stdout) == 0 && !out.failed;
    int status = !written ? EXIT_INFRASTRUCTURE : d.worse > 0 ? EXIT_FAILED : EXIT_PASS;
    buf_deinit(&out);
    diff_deinit(&d);
    return status;
}

int report_diff(size_t count, char **paths, const struct report_diff_request *request)
{
    struct runs runs = { 0 };
    if (count < 2) {
        (void)fputs(
            "waldrill report: diff wants two runs, or several and the one after them: "
            "waldrill report diff A... B\n",
            stderr);
        return EXIT_USAGE;
    }
    int status = open_all(&runs, count, paths) ? print_diff(&runs, request) : EXIT_USAGE;
    close_all(&runs);
    return status;
}
