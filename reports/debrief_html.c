/* debrief.html: one page that opens anywhere, offline.  It holds the data of the run's own report (so that
 * the same charts draw it) beside that of the drill. */
#include "reports/debrief.h"

#include "reports/figures.h"
#include "reports/formats.h"
#include "reports/template.h"
#include "reports/text.h"

#define PART_BYTES_MAX ((size_t)64 << 20)

/* See cmake/Embed.cmake. */
extern const unsigned char page_debrief_frame[], page_debrief[], page_timeline[];
extern const size_t page_debrief_frame_size, page_debrief_size, page_timeline_size;

static void put_data(struct buf *out, const struct results *r, const struct drill *d)
{
    static const struct report_room room = { REPORT_OUTPUT_SHOWN, REPORT_EVENTS_SHOWN };
    struct figures figures;
    struct buf json;
    struct json_writer w;
    buf_init(&json, PART_BYTES_MAX);
    figures_init(&figures, r);
    json_writer_init(&w, &json, 0);
    json_object_begin(&w);
    json_key(&w, "run");
    json_object_begin(&w);
    report_json_members(&w, r, &figures, &room);
    json_object_end(&w);
    json_key(&w, "drill");
    json_object_begin(&w);
    debrief_json_members(&w, r, d);
    json_object_end(&w);
    json_object_end(&w);
    text_json_in_html(out, buf_str(&json));
    out->failed = out->failed || json.failed;
    figures_deinit(&figures);
    buf_deinit(&json);
}

void debrief_html(struct buf *out, const struct results *r, const struct drill *d)
{
    enum { TITLE, WORDS, DATA, MINE };
    struct buf texts[MINE];
    char words[1000];
    for (size_t i = 0; i < MINE; i++) {
        buf_init(&texts[i], PART_BYTES_MAX);
    }
    drill_words(d, words, sizeof(words));
    buf_append_text(&texts[TITLE], "Drill: ");
    text_xml(&texts[TITLE], str_of(r->title));
    text_xml(&texts[WORDS], str_of(words));
    put_data(&texts[DATA], r, d);
    const struct template_mark marks[] = {
        { "title", buf_str(&texts[TITLE]) },
        { "words", buf_str(&texts[WORDS]) },
        { "data", buf_str(&texts[DATA]) },
        { "page_timeline", str_make((const char *)page_timeline, page_timeline_size) },
        { "page_debrief", str_make((const char *)page_debrief, page_debrief_size) },
    };
    template_fill(out, str_make((const char *)page_debrief_frame, page_debrief_frame_size), marks,
                  sizeof(marks) / sizeof(marks[0]));
    for (size_t i = 0; i < MINE; i++) {
        out->failed = out->failed || texts[i].failed;
        buf_deinit(&texts[i]);
    }
}
