/* report.html: one page that opens anywhere, offline.  The template, its style and its scripts are files of
 * their own under page/, embedded by the build; here their marks are filled in, and the run's data follows
 * as JSON: the members of results.json plus "charts", the series in columns.
 *
 * How large it gets: series are bounded by figures.h, texts of commands are cut; so a long run's page stays
 * well below two megabytes. */
#include "reports/formats.h"

#include "base/check.h"
#include "base/units.h"
#include "reports/text.h"

#define DATA_BYTES_MAX ((size_t)64 << 20)

/* See cmake/Embed.cmake. */
extern const unsigned char page_template[], page_style[], page_script[], page_charts[], uplot_style[],
    uplot_script[];
extern const size_t page_template_size, page_style_size, page_script_size, page_charts_size, uplot_style_size,
    uplot_script_size;

/* --- the series, in columns ----------------------------------------------------------------------------- */

static void html_seconds(struct json_writer *w, int64_t ns)
{
    int64_t whole_ms = ns / (int64_t)NS_PER_MS; /* finer than a page can show */
    json_put_double(w, (double)whole_ms / 1000);
}

static void html_milliseconds(struct json_writer *w, int64_t ns)
{
    if (ns == FIGURES_NOTHING) {
        json_put_null(w);
    } else {
        int64_t whole_us = ns / (int64_t)NS_PER_US;
        json_put_double(w, (double)whole_us / 1000);
    }
}

static void html_counts(struct json_writer *w, const char *key, const struct figures *f, bool writes,
                        uint64_t (*count)(const struct figures_side *side))
{
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < f->bucket_count; i++) {
        json_put_u64(w, count(writes ? &f->buckets[i].writes : &f->buckets[i].reads));
    }
    json_array_end(w);
}

static uint64_t html_offered(const struct figures_side *side)
{
    return side->offered;
}

static uint64_t html_accepted(const struct figures_side *side)
{
    return side->accepted;
}

static uint64_t html_queued(const struct figures_side *side)
{
    return side->queued;
}

static uint64_t html_unserved(const struct figures_side *side)
{
    return side->refused + side->failed;
}

static void html_side(struct json_writer *w, const char *key, const struct figures *f, bool writes)
{
    json_key(w, key);
    json_object_begin(w);
    html_counts(w, "offered", f, writes, html_offered);
    html_counts(w, "accepted", f, writes, html_accepted);
    html_counts(w, "queued", f, writes, html_queued);
    html_counts(w, "unserved", f, writes, html_unserved);
    json_key(w, "p50_ms");
    json_array_begin(w);
    for (size_t i = 0; i < f->bucket_count; i++) {
        html_milliseconds(w, (writes ? &f->buckets[i].writes : &f->buckets[i].reads)->latency.p50_ns);
    }
    json_array_end(w);
    json_key(w, "p99_ms");
    json_array_begin(w);
    for (size_t i = 0; i < f->bucket_count; i++) {
        html_milliseconds(w, (writes ? &f->buckets[i].writes : &f->buckets[i].reads)->latency.p99_ns);
    }
    json_array_end(w);
    json_object_end(w);
}

static void html_samples(struct json_writer *w, const struct results *r, const struct figures *f)
{
    json_key(w, "samples");
    json_object_begin(w);
    json_key(w, "at_s");
    json_array_begin(w);
    for (size_t i = 0; i < f->sample_count; i++) {
        html_seconds(w, r->history->samples[f->samples[i]].at_ns);
    }
    json_array_end(w);
    json_key(w, "pending");
    json_array_begin(w);
    for (size_t i = 0; i < f->sample_count; i++) {
        json_put_double(w, r->history->samples[f->samples[i]].pending_writes);
    }
    json_array_end(w);
    json_key(w, "oldest_s");
    json_array_begin(w);
    for (size_t i = 0; i < f->sample_count; i++) {
        double oldest_s = r->history->samples[f->samples[i]].oldest_pending_s;
        json_put_double(w, oldest_s < 0 ? 0 : oldest_s);
    }
    json_array_end(w);
    json_object_end(w);
}

static const char *html_state_name(enum figures_state state)
{
    switch (state) {
        case FIGURES_UNKNOWN:
            return "unknown";
        case FIGURES_YES:
            return "yes";
        case FIGURES_NO:
            return "no";
    }
    return "";
}

static void html_strips(struct json_writer *w, const struct figures *f)
{
    json_key(w, "strips");
    json_object_begin(w);
    for (size_t i = 0; i < FIGURES_STRIPS; i++) {
        if (i == FIGURES_REPLICA && !f->has_replica) {
            continue;
        }
        json_key(w, figures_strip_name((enum figures_strip)i));
        json_array_begin(w);
        for (size_t k = 0; k < f->strips[i].count; k++) {
            const struct figures_span *span = &f->strips[i].spans[k];
            json_array_begin(w);
            html_seconds(w, span->start_ns);
            html_seconds(w, span->end_ns);
            json_put_text(w, html_state_name(span->state));
            json_array_end(w);
        }
        json_array_end(w);
    }
    json_object_end(w);
}

static void html_charts(struct json_writer *w, const struct results *r, const struct figures *f)
{
    json_key(w, "charts");
    json_object_begin(w);
    json_key(w, "end_s");
    html_seconds(w, f->end_ns);
    json_key(w, "bucket_s");
    html_seconds(w, f->bucket_ns);
    json_pair_u64(w, "buckets", f->bucket_count);
    html_side(w, "writes", f, true);
    html_side(w, "reads", f, false);
    html_samples(w, r, f);
    html_strips(w, f);
    json_object_end(w);
}

/* --- the page ------------------------------------------------------------------------------------------- */

static void html_title(struct buf *out, const struct results *r)
{
    buf_printf(out, "%s: ", verdict_name(r->verdict));
    text_xml(out, str_of(r->title != NULL && r->title[0] != '\0' ? r->title : r->scenario));
}

static void html_data(struct buf *out, const struct results *r, const struct figures *f)
{
    struct buf json;
    struct json_writer w;
    buf_init(&json, DATA_BYTES_MAX);
    json_writer_init(&w, &json, 0);
    json_object_begin(&w);
    report_json_members(&w, r, f, REPORT_OUTPUT_SHOWN);
    html_charts(&w, r, f);
    json_object_end(&w);
    text_json_in_html(out, buf_str(&json));
    out->failed = out->failed || json.failed;
    buf_deinit(&json);
}

static void html_embedded(struct buf *out, const unsigned char *bytes, size_t size)
{
    buf_append(out, bytes, size);
}

static void html_fill(struct buf *out, struct str mark, const struct results *r, const struct figures *f)
{
    if (str_equal(mark, STR("title"))) {
        html_title(out, r);
    } else if (str_equal(mark, STR("words"))) {
        text_xml(out, str_of(r->verdict_words));
    } else if (str_equal(mark, STR("data"))) {
        html_data(out, r, f);
    } else if (str_equal(mark, STR("uplot_style"))) {
        html_embedded(out, uplot_style, uplot_style_size);
    } else if (str_equal(mark, STR("uplot_script"))) {
        html_embedded(out, uplot_script, uplot_script_size);
    } else if (str_equal(mark, STR("page_style"))) {
        html_embedded(out, page_style, page_style_size);
    } else if (str_equal(mark, STR("page_script"))) {
        html_embedded(out, page_script, page_script_size);
    } else {
        CHECK(str_equal(mark, STR("page_charts")));
        html_embedded(out, page_charts, page_charts_size);
    }
}

/* The template is ours: a mark that is not closed or not known is a programming error. */
void report_html(struct buf *out, const struct results *r, const struct figures *f)
{
    struct str rest = str_make((const char *)page_template, page_template_size);
    while (rest.size > 0) {
        const char *begin = memmem(rest.data, rest.size, "{{", 2);
        if (begin == NULL) {
            buf_append_str(out, rest);
            return;
        }
        buf_append(out, rest.data, (size_t)(begin - rest.data));
        rest = str_make(begin + 2, rest.size - (size_t)(begin - rest.data) - 2);
        const char *end = memmem(rest.data, rest.size, "}}", 2);
        CHECK(end != NULL);
        size_t length = (size_t)(end - rest.data);
        html_fill(out, str_make(rest.data, length), r, f);
        rest = str_make(end + 2, rest.size - length - 2);
    }
}
