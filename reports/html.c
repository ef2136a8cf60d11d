/* report.html: one page that opens anywhere, offline.  The template, its style and its scripts are files of
 * their own under page/, embedded by the build; the run's data stands in the page as JSON, the members of
 * results.json with long texts and long lists cut.
 *
 * How large it gets: series and operations are bounded by figures.h, texts of commands and events are cut; so
 * the page of a run of a million operations stays below a megabyte. */
#include "reports/formats.h"

#include "reports/template.h"
#include "reports/text.h"

#define DATA_BYTES_MAX ((size_t)64 << 20)

/* See cmake/Embed.cmake. */
extern const unsigned char page_template[], page_script[], page_operations[];
extern const size_t page_template_size, page_script_size, page_operations_size;

static void put_title(struct buf *out, const struct results *r)
{
    buf_printf(out, "%s: ", verdict_name(r->verdict));
    text_xml(out, str_of(r->title != NULL && r->title[0] != '\0' ? r->title
                         : r->scenario != NULL                   ? r->scenario
                                                                 : "a run"));
}

static void put_data(struct buf *out, const struct results *r, const struct figures *f)
{
    static const struct report_room room = { REPORT_OUTPUT_SHOWN, REPORT_EVENTS_SHOWN };
    struct buf json;
    struct json_writer w;
    buf_init(&json, DATA_BYTES_MAX);
    json_writer_init(&w, &json, 0);
    json_object_begin(&w);
    report_json_members(&w, r, f, &room);
    json_object_end(&w);
    text_json_in_html(out, buf_str(&json));
    out->failed = out->failed || json.failed;
    buf_deinit(&json);
}

void report_html(struct buf *out, const struct results *r, const struct figures *f)
{
    enum { TITLE, WORDS, DATA, MINE };
    struct buf texts[MINE];
    for (size_t i = 0; i < MINE; i++) {
        buf_init(&texts[i], DATA_BYTES_MAX);
    }
    put_title(&texts[TITLE], r);
    text_xml(&texts[WORDS], str_of(r->verdict_words));
    put_data(&texts[DATA], r, f);
    const struct template_mark marks[] = {
        { "title", buf_str(&texts[TITLE]) },
        { "words", buf_str(&texts[WORDS]) },
        { "data", buf_str(&texts[DATA]) },
        { "page_operations", str_make((const char *)page_operations, page_operations_size) },
        { "page_script", str_make((const char *)page_script, page_script_size) },
    };
    template_fill(out, str_make((const char *)page_template, page_template_size), marks,
                  sizeof(marks) / sizeof(marks[0]));
    for (size_t i = 0; i < MINE; i++) {
        out->failed = out->failed || texts[i].failed;
        buf_deinit(&texts[i]);
    }
}
