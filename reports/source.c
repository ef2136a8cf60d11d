/* See source.h.
 *
 * results.json holds everything that a report shows; events.jsonl, where a run has left it, has the series
 * and the operations too.  So the first is read, and the second only for what the first does not have.
 *
 * A results.json that was cut is mended: our own files set each member of the top on a line of its own, so
 * the text up to the last such line, closed, is what was whole. */
#include "reports/source.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/units.h"
#include "reports/read.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES  4096
#define MENDED_MOST ((size_t)1 << 30)

struct source_files {
    struct read_file results, events;
};

/* --- finding the files ---------------------------------------------------------------------------------- */

static int find_files(struct source_files *files, const char *path, struct errmsg *msg)
{
    struct stat info;
    char name[PATH_BYTES];
    *files = (struct source_files){ 0 };
    if (stat(path, &info) != 0) {
        return error_set(msg, ERR_NOT_FOUND, "there is no %s", path);
    }
    if (!S_ISDIR(info.st_mode)) {
        bool events = str_ends(str_of(path), STR(".jsonl"));
        read_file_open(events ? &files->events : &files->results, path);
    } else {
        int length = snprintf(name, sizeof(name), "%s/results.json", path);
        if (length < 0 || (size_t)length >= sizeof(name)) {
            return error_set(msg, ERR_LIMIT, "the folder's name is too long");
        }
        read_file_open(&files->results, name);
        (void)snprintf(name, sizeof(name), "%s/events.jsonl", path); /* shorter than the other */
        read_file_open(&files->events, name);
    }
    if (!files->results.found && !files->events.found) {
        return error_set(msg, ERR_NOT_FOUND, "%s has neither results.json nor events.jsonl", path);
    }
    return 0;
}

bool report_source_is_there(const char *folder)
{
    static const char *const names[] = { "results.json", "events.jsonl" };
    char path[PATH_BYTES];
    bool there = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int length = snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        there = there || (length > 0 && (size_t)length < sizeof(path) && access(path, F_OK) == 0);
    }
    return there;
}

/* --- results.json ----------------------------------------------------------------------------------------
 */

static json_t *mended(struct str text)
{
    static const char line[] = "\n  \"";
    json_t *root = NULL;
    struct buf whole;
    size_t at = 0;
    if (text.data == NULL) {
        return NULL;
    }
    for (size_t i = text.size; i > sizeof(line) && at == 0; i--) {
        at = memcmp(text.data + i - sizeof(line), line, sizeof(line) - 1) == 0 ? i - sizeof(line) : 0;
    }
    if (at == 0) {
        return NULL;
    }
    buf_init(&whole, MENDED_MOST);
    struct str kept = str_trim(str_make(text.data, at));
    bool comma = kept.size > 0 && kept.data[kept.size - 1] == ',';
    buf_append(&whole, kept.data, kept.size - (comma ? 1 : 0));
    buf_append_text(&whole, "\n}");
    if (!whole.failed) {
        root = json_loadb(whole.data, whole.size, 0, NULL);
    }
    buf_deinit(&whole);
    return root;
}

/* NULL: nothing of it can be read; what is wrong is noted as missing. */
static json_t *load_results(struct results *r, const struct read_file *file)
{
    json_error_t error;
    if (!file->found) {
        results_add_missing(r, "results.json is not there: no verdict, no checks, faults and steps");
        return NULL;
    }
    json_t *root = json_loadb(file->text.data == NULL ? "" : file->text.data, file->text.size, 0, &error);
    if (root == NULL) {
        root = mended(file->text);
        results_add_missing(r, "results.json %s at line %d: %s",
                            root == NULL ? "cannot be read" : "is cut or damaged", error.line, error.text);
    } else if (!json_is_object(root)) {
        results_add_missing(r, "results.json is no JSON object");
        json_decref(root);
        root = NULL;
    }
    return root;
}

/* --- both ------------------------------------------------------------------------------------------------
 */

/* Counts of operations, which results.json would have told. */
static void count_operations(struct results *r, const struct figures *f)
{
    r->writes_offered = f->writes.offered;
    r->writes_accepted = f->writes.accepted;
    r->writes_queued = f->writes.queued;
    r->writes_refused = f->writes.refused;
    r->writes_failed = f->writes.failed;
    r->reads_offered = f->reads.offered;
    r->reads_ok = f->reads.accepted;
    r->reads_failed = f->reads.refused + f->reads.failed;
}

static void read_from_events(struct report_source *s, const json_t *root, struct str text)
{
    struct results *r = &s->results;
    size_t known = r->event_count;
    s->history.time_scale = root == NULL ? 1 : read_number(root, "time_scale", 1);
    read_events(r, &s->history, text);
    if (known > 0) { /* results.json had them */
        for (size_t i = known; i < r->event_count; i++) {
            mem_free(r->events[i].text);
        }
        r->event_count = known;
    }
    r->history = &s->history;
    figures_init(&s->figures, r);
    if (json_object_get(root, "account") == NULL) {
        count_operations(r, &s->figures);
    }
    if (r->simulated_ns == 0) {
        r->simulated_ns = s->figures.end_ns;
    }
}

static void read_all(struct report_source *s, const json_t *root, const struct source_files *files)
{
    if (root != NULL) {
        read_results(&s->results, root);
    } else {
        s->results.verdict = VERDICT_INVALID;
        s->results.verdict_words =
            mem_strdup("No verdict is known: the run's results.json is missing or damaged.");
    }
    figures_init(&s->figures, &s->results);
    bool drawn = root != NULL && read_figures(&s->figures, root);
    if (!drawn && files->events.found) {
        figures_deinit(&s->figures);
        read_from_events(s, root, files->events.text);
    } else if (!drawn) {
        results_add_missing(&s->results,
                            "the series: neither results.json nor an events.jsonl beside it has them");
    }
}

int report_source_open(struct report_source *s, const char *path, struct errmsg *msg)
{
    struct source_files files;
    int rv = find_files(&files, path, msg);
    if (rv == 0) {
        results_init(&s->results);
        history_init(&s->history);
        json_t *root = load_results(&s->results, &files.results);
        if (root == NULL && !files.events.found) {
            rv = error_set(msg, ERR_SYNTAX, "%s: %s", path, s->results.missing[0]);
            results_deinit(&s->results);
            history_deinit(&s->history);
        } else {
            read_all(s, root, &files);
        }
        json_decref(root);
    }
    read_file_close(&files.results);
    read_file_close(&files.events);
    return rv;
}

void report_source_close(struct report_source *s)
{
    figures_deinit(&s->figures);
    results_deinit(&s->results);
    history_deinit(&s->history);
}
