/* See gallery.h.  The page needs no script: a row is text, the picture of pending writes is an SVG of one
 * path. */
#include "reports/gallery.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/units.h"
#include "reports/folder.h"
#include "reports/formats.h"
#include "reports/source.h"
#include "reports/template.h"
#include "reports/text.h"
#include "reports/whole.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX  4 /* suite, file, run of a matrix, and one to spare */
#define RUNS_MAX   5000
#define PATH_BYTES 4096
#define BYTES_MAX  ((size_t)64 << 20)
#define SPARK_WIDE 180
#define SPARK_HIGH 30
#define CAPACITY   "capacity.html"

/* See cmake/Embed.cmake. */
extern const unsigned char page_gallery[];
extern const size_t page_gallery_size;

struct listed {
    char *place; /* below the folder: "01-primary-down", "" = the folder itself */
    struct buf row;
    enum { RANK_FAILED, RANK_OTHER, RANK_UNREADABLE, RANK_PASSED } rank;
    bool passed;
    double wall_s;
};

struct gallery {
    const char *folder;
    struct listed *runs;
    size_t count;
    size_t left_out;  /* beyond RUNS_MAX, or with too long a name */
    struct buf links; /* to pages of other kinds */
    struct buf pages; /* what is linked to, for whole.html */
    bool whole;
};

/* --- one run -------------------------------------------------------------------------------------------- */

static bool is_there(const struct gallery *g, const char *place, const char *name, bool folder)
{
    char path[PATH_BYTES];
    struct stat info;
    int length =
        snprintf(path, sizeof(path), "%s/%s%s%s", g->folder, place, place[0] == '\0' ? "" : "/", name);
    return length > 0 && (size_t)length < sizeof(path) && stat(path, &info) == 0 &&
           (folder ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode));
}

static void put_spark(struct buf *out, const struct report_source *s)
{
    const struct figures *f = &s->figures;
    const double top = f->peak_pending > 1 ? f->peak_pending : 1;
    buf_printf(out,
               "<svg class=\"spark\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"pending writes, at most "
               "%.0f\">",
               SPARK_WIDE, SPARK_HIGH, f->peak_pending < 0 ? 0 : f->peak_pending);
    for (size_t i = 0; i < s->results.fault_count; i++) {
        const struct fault_span *fault = &s->results.faults[i];
        int64_t end_ns = fault->end_ns == HISTORY_NEVER ? f->end_ns : fault->end_ns;
        double left = (double)fault->start_ns / (double)f->end_ns * SPARK_WIDE;
        double wide = (double)(end_ns - fault->start_ns) / (double)f->end_ns * SPARK_WIDE;
        if (fault->start_ns != HISTORY_NEVER && wide > 0) {
            buf_printf(out, "<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"/>", left,
                       wide < 1 ? 1 : wide, SPARK_HIGH);
        }
    }
    buf_append_text(out, "<path d=\"");
    double last = -1;
    for (size_t i = 0; i < f->sample_count; i++) {
        double x = (double)f->samples[i].at_ns / (double)f->end_ns * SPARK_WIDE;
        double y = SPARK_HIGH - 1 - f->samples[i].pending / top * (SPARK_HIGH - 2);
        bool drawn = i > 0 && i + 1 < f->sample_count && x - last < 0.25; /* finer than a pixel */
        if (!drawn) {
            buf_printf(out, "%s%.1f %.1f", i == 0 ? "M" : "L", x, y);
            last = x;
        }
    }
    buf_append_text(out, "\"/></svg>");
}

static void put_cell(struct buf *out, const char *label)
{
    buf_printf(out, "<td data-label=\"%s\">", label);
}

/* linked: there is a report.html to go to. */
static void put_name(struct buf *out, const char *place, const struct results *r, bool linked)
{
    put_cell(out, "");
    if (linked) {
        buf_append_text(out, "<a href=\"");
        text_xml_attribute(out, str_of(place));
        buf_append_text(out, place[0] == '\0' ? "report.html\">" : "/report.html\">");
    }
    text_xml(out, str_of(r->title != NULL && r->title[0] != '\0' ? r->title : r->scenario));
    buf_append_text(out, linked ? "</a><br><span class=\"where\">" : "<br><span class=\"where\">");
    text_xml(out, str_of(place[0] == '\0' ? "." : place));
    buf_append_text(out, "</span></td>");
}

static void class_of(enum verdict verdict, char out[32])
{
    (void)snprintf(out, 32, "%s",
                   verdict == VERDICT_PASS      ? "pass"
                   : verdict == VERDICT_INVALID ? "invalid"
                                                : "fail");
}

static void put_row(struct listed *run, const struct report_source *s, bool linked)
{
    struct buf *out = &run->row;
    const struct results *r = &s->results;
    const struct report_tally tally = report_tally(r);
    char state[32];
    char simulated[TEXT_TIME_SIZE];
    class_of(r->verdict, state);
    text_time(r->simulated_ns, simulated);
    buf_printf(out,
               "<tr data-verdict=\"%s\"><td data-label=\"\"><span class=\"badge small %s\">%s</span></td>",
               verdict_name(r->verdict), state, verdict_name(r->verdict));
    put_name(out, run->place, r, linked);
    put_cell(out, "engine");
    text_xml(out, str_of(r->engine));
    buf_printf(out, "</td><td data-label=\"checks\">%zu of %zu</td><td data-label=\"\">", tally.passed,
               tally.passed + tally.failed);
    put_spark(out, s);
    buf_append_text(out, "</td>");
    put_cell(out, "most pending");
    if (s->figures.peak_pending >= 0) {
        buf_printf(out, "%.0f", s->figures.peak_pending);
    }
    buf_printf(out, "</td><td data-label=\"scenario time\">%s</td><td data-label=\"took\">%.2f s</td></tr>\n",
               simulated, r->wall_seconds);
}

/* Its bytes, too, where the gallery is to be one file. */
static void hold(struct gallery *g, bool linked, const char *place, const char *name)
{
    char link[PATH_BYTES];
    int length = snprintf(link, sizeof(link), "%s%s%s", place, place[0] == '\0' ? "" : "/", name);
    if (g->whole && linked && length > 0 && (size_t)length < sizeof(link)) {
        (void)whole_add(&g->pages, g->folder, link);
    }
}

static void list_run(struct gallery *g, const char *place)
{
    char path[PATH_BYTES];
    struct report_source source;
    struct errmsg msg = { "" };
    if (g->count >= RUNS_MAX ||
        snprintf(path, sizeof(path), "%s/%s", g->folder, place) >= (int)sizeof(path)) {
        g->left_out++;
        return;
    }
    g->runs = mem_realloc(g->runs, (g->count + 1) * sizeof(*g->runs));
    struct listed *run = &g->runs[g->count++];
    *run = (struct listed){ .place = mem_strdup(place), .rank = RANK_UNREADABLE };
    buf_init(&run->row, BYTES_MAX);
    if (report_source_open(&source, path, &msg) == 0) {
        run->passed = source.results.verdict == VERDICT_PASS;
        run->rank = source.results.verdict == VERDICT_FAIL ? RANK_FAILED
                    : run->passed                          ? RANK_PASSED
                                                           : RANK_OTHER;
        run->wall_s = source.results.wall_seconds;
        bool linked = is_there(g, place, "report.html", false);
        put_row(run, &source, linked);
        hold(g, linked, place, "report.html");
        report_source_close(&source);
        return;
    }
    buf_append_text(
        &run->row,
        "<tr data-verdict=\"UNREADABLE\"><td><span class=\"badge small\">?</span></td><td colspan=\"7\">");
    text_xml(&run->row, str_of(place));
    buf_append_text(&run->row, ": ");
    text_xml(&run->row, str_of(msg.text));
    buf_append_text(&run->row, "</td></tr>\n");
}

/* --- finding runs ----------------------------------------------------------------------------------------
 */

static void link_capacity(struct gallery *g, const char *place)
{
    buf_append_text(&g->links, "<a href=\"");
    text_xml_attribute(&g->links, str_of(place));
    buf_printf(&g->links, "%s" CAPACITY "\">Capacity", place[0] == '\0' ? "" : "/");
    if (place[0] != '\0') {
        buf_append_text(&g->links, ": ");
        text_xml(&g->links, str_of(place));
    }
    buf_append_text(&g->links, "</a>\n");
}

static void find_runs(struct gallery *g, const char *place, unsigned depth)
{
    char path[PATH_BYTES];
    if (is_there(g, place, "results.json", false)) {
        list_run(g, place);
    }
    if (is_there(g, place, CAPACITY, false)) {
        link_capacity(g, place);
        hold(g, true, place, CAPACITY);
    }
    (void)snprintf(path, sizeof(path), "%s/%s", g->folder, place);
    struct dirent **names = NULL;
    int count = depth < DEPTH_MAX ? scandir(path, &names, NULL, alphasort) : 0;
    for (int i = 0; i < count; i++) {
        char below[PATH_BYTES];
        const char *name = names[i]->d_name;
        int length = snprintf(below, sizeof(below), "%s%s%s", place, place[0] == '\0' ? "" : "/", name);
        if (name[0] != '.' && length > 0 && (size_t)length < sizeof(below) &&
            is_there(g, place, name, true)) {
            find_runs(g, below, depth + 1);
        }
        free(names[i]); /* scandir's own memory */
    }
    free((void *)names);
}

/* --- the page --------------------------------------------------------------------------------------------
 */

static int by_rank(const void *a, const void *b)
{
    const struct listed *left = a;
    const struct listed *right = b;
    if (left->rank != right->rank) {
        return left->rank < right->rank ? -1 : 1;
    }
    return strcmp(left->place, right->place);
}

static void put_page(struct buf *out, const struct gallery *g, struct str pages)
{
    struct buf rows;
    struct buf words;
    struct buf links;
    size_t passed = 0;
    double wall_s = 0;
    buf_init(&rows, BYTES_MAX);
    buf_init(&words, BYTES_MAX);
    buf_init(&links, BYTES_MAX);
    for (size_t i = 0; i < g->count; i++) {
        passed += g->runs[i].passed ? 1 : 0;
        wall_s += g->runs[i].wall_s;
        buf_append_str(&rows, buf_str(&g->runs[i].row));
    }
    bool good = passed == g->count;
    buf_printf(&words, "%zu of %zu runs passed. Together they took %.1f s.", passed, g->count, wall_s);
    if (g->left_out > 0) {
        buf_printf(&words, " %zu more are not listed.", g->left_out);
    }
    if (g->links.size > 0) {
        buf_append_text(&links, "<nav class=\"contents\">");
        buf_append_str(&links, buf_str(&g->links));
        buf_append_text(&links, "</nav>\n");
    }
    const struct template_mark marks[] = {
        { "title", STR("All runs") },
        { "state", good ? STR("pass") : STR("fail") },
        { "badge", good ? STR("PASS") : STR("NOT ALL PASSED") },
        { "words", buf_str(&words) },
        { "links", buf_str(&links) },
        { "rows", buf_str(&rows) },
        { "policy", pages.size > 0 ? STR("script-src 'unsafe-inline'; ") : STR("") },
        { "pages", pages },
    };
    template_fill(out, str_make((const char *)page_gallery, page_gallery_size), marks,
                  sizeof(marks) / sizeof(marks[0]));
    out->failed = out->failed || rows.failed;
    buf_deinit(&rows);
    buf_deinit(&words);
    buf_deinit(&links);
}

static int write_pages(struct gallery *g, struct errmsg *msg)
{
    struct buf index;
    struct buf whole;
    buf_init(&index, BYTES_MAX);
    buf_init(&whole, BYTES_MAX);
    qsort(g->runs, g->count, sizeof(*g->runs), by_rank);
    put_page(&index, g, STR(""));
    if (g->whole) {
        whole_end(&g->pages);
        put_page(&whole, g, buf_str(&g->pages));
    }
    const struct folder_file files[] = { { "index.html", buf_str(&index) },
                                         { "whole.html", g->whole ? buf_str(&whole) : (struct str){ 0 } } };
    bool failed = index.failed || whole.failed || g->pages.failed;
    int rv =
        failed ? error_set(msg, ERR_LIMIT, "a page of all runs would be larger than %zu MiB", BYTES_MAX >> 20)
               : folder_write(g->folder, files, g->whole ? 2 : 1, msg);
    buf_deinit(&index);
    buf_deinit(&whole);
    return rv;
}

int gallery_write(const char *folder, bool whole, size_t *count, struct errmsg *msg)
{
    struct gallery g = { .folder = folder, .whole = whole };
    buf_init(&g.links, BYTES_MAX);
    buf_init(&g.pages, BYTES_MAX);
    find_runs(&g, "", 0);
    *count = g.count;
    int rv = g.count == 0 ? error_set(msg, ERR_NOT_FOUND, "no run below %s: no results.json", folder)
                          : write_pages(&g, msg);
    for (size_t i = 0; i < g.count; i++) {
        mem_free(g.runs[i].place);
        buf_deinit(&g.runs[i].row);
    }
    mem_free(g.runs);
    buf_deinit(&g.links);
    buf_deinit(&g.pages);
    return rv;
}
