#include "reports/whole.h"

#include "base/json_writer.h"
#include "reports/read.h"
#include "reports/text.h"
#include <stdio.h>

#define PATH_BYTES 4096
#define PAGE_BYTES ((size_t)64 << 20)

/* See cmake/Embed.cmake. */
extern const unsigned char page_whole[];
extern const size_t page_whole_size;

bool whole_add(struct buf *out, const char *folder, const char *link)
{
    char path[PATH_BYTES];
    struct read_file file;
    if (snprintf(path, sizeof(path), "%s/%s", folder, link) >= (int)sizeof(path)) {
        return false;
    }
    read_file_open(&file, path);
    bool read = file.text.data != NULL;
    if (read) {
        struct json_writer writer;
        struct buf json;
        buf_init(&json, PAGE_BYTES);
        json_writer_init(&writer, &json, 0);
        json_put_str(&writer, file.text);
        buf_append_text(out, "<script type=\"application/json\" data-page=\"");
        text_xml_attribute(out, str_of(link));
        buf_append_text(out, "\">");
        text_json_in_html(out, buf_str(&json));
        buf_append_text(out, "</script>\n");
        out->failed = out->failed || json.failed;
        buf_deinit(&json);
    }
    read_file_close(&file);
    return read;
}

void whole_end(struct buf *out)
{
    buf_append_text(out,
                    "<div id=\"opened\" hidden><a href=\"#\">All runs</a><iframe title=\"the page of a "
                    "run\"></iframe></div>\n<script>");
    buf_append(out, (const char *)page_whole, page_whole_size);
    buf_append_text(out, "</script>\n");
}
