/* capacity.html: the tables of capacity_sheet.c, and the curves drawn from capacity.json, which it carries.
 */
#include "reports/capacity.h"
#include "reports/sheet.h"
#include "reports/template.h"
#include "reports/text.h"

#define PART_BYTES_MAX ((size_t)32 << 20)

/* See cmake/Embed.cmake. */
extern const unsigned char page_capacity_frame[], page_capacity[];
extern const size_t page_capacity_frame_size, page_capacity_size;

void capacity_html(struct buf *out, const struct capacity_study *study)
{
    struct buf json;
    struct buf data;
    struct buf tables;
    struct buf words;
    char need[CAPACITY_WORDS];
    char outage[CAPACITY_WORDS];
    char drain[CAPACITY_WORDS];
    buf_init(&json, PART_BYTES_MAX);
    buf_init(&data, PART_BYTES_MAX);
    buf_init(&tables, PART_BYTES_MAX);
    buf_init(&words, PART_BYTES_MAX);
    capacity_json(&json, study);
    text_json_in_html(&data, buf_str(&json));
    capacity_tables(&tables, study, SHEET_HTML);
    buf_printf(&words,
               "With the primary away for %s, %s of memory hold what it misses; it is drained %s after its "
               "return was noticed.",
               capacity_time_words(study->question.load.outage_s, outage),
               capacity_bytes_words(study->forecast.memory_bytes, need),
               capacity_time_words(study->forecast.drain_s, drain));
    const struct template_mark marks[] = {
        { "title", STR("Capacity of the write-ahead log") },
        { "words", buf_str(&words) },
        { "data", buf_str(&data) },
        { "tables", buf_str(&tables) },
        { "page_capacity", str_make((const char *)page_capacity, page_capacity_size) },
    };
    template_fill(out, str_make((const char *)page_capacity_frame, page_capacity_frame_size), marks,
                  sizeof(marks) / sizeof(marks[0]));
    out->failed = out->failed || json.failed || data.failed || tables.failed || words.failed;
    buf_deinit(&words);
    buf_deinit(&tables);
    buf_deinit(&data);
    buf_deinit(&json);
}
