/* See text.h. */
#include "reports/text.h"

#include "base/units.h"
#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* The next character of *rest: as it is when it is well-formed and no control, the picture of a control
 * character (tab and newline excepted), U+FFFD for anything else.  What comes back lives in *rest or in
 * scratch. */
static struct str text_next(struct str *rest, char scratch[4])
{
    struct str here = *rest;
    const unsigned char first = (unsigned char)here.data[0];
    size_t length = utf8_length(here);
    size_t taken = length == 0 ? 1 : length;
    *rest = str_make(here.data + taken, here.size - taken);
    if (length == 0) {
        return STR(REPLACEMENT);
    }
    if ((first < 0x20 && first != '\t' && first != '\n') || first == 0x7f) {
        return str_make(scratch, utf8_encode(first == 0x7f ? 0x2421 : 0x2400U + first, scratch));
    }
    struct str one = str_make(here.data, length);
    /* well-formed, but not a character of XML */
    bool not_xml = str_equal(one, STR("\xef\xbf\xbe")) || str_equal(one, STR("\xef\xbf\xbf"));
    return not_xml ? STR(REPLACEMENT) : one;
}

static const char *text_xml_name(char c, bool attribute)
{
    switch (c) {
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '&':
            return "&amp;";
        case '"':
            return attribute ? "&quot;" : NULL;
        case '\'':
            return attribute ? "&#39;" : NULL;
        case '\n': /* a parser makes a blank of a line break in an attribute */
            return attribute ? "&#10;" : NULL;
        case '\t':
            return attribute ? "&#9;" : NULL;
        default:
            return NULL;
    }
}

static void text_xml_any(struct buf *out, struct str text, bool attribute)
{
    char scratch[4];
    while (text.size > 0) {
        struct str one = text_next(&text, scratch);
        const char *name = one.size == 1 ? text_xml_name(one.data[0], attribute) : NULL;
        if (name != NULL) {
            buf_append_text(out, name);
        } else {
            buf_append_str(out, one);
        }
    }
}

void text_xml(struct buf *out, struct str text)
{
    text_xml_any(out, text, false);
}

void text_xml_attribute(struct buf *out, struct str text)
{
    text_xml_any(out, text, true);
}

void text_markdown(struct buf *out, struct str text)
{
    char scratch[4];
    while (text.size > 0) {
        struct str one = text_next(&text, scratch);
        char c = one.size == 1 ? one.data[0] : '\0';
        if (c == '\n' || c == '\t') {
            buf_append_char(out, ' ');
        } else if (c == '<' || c == '>' || c == '&') {
            buf_append_text(out, text_xml_name(c, false));
        } else {
            if (c != '\0' && strchr("\\`*_[]|~#", c) != NULL) {
                buf_append_char(out, '\\');
            }
            buf_append_str(out, one);
        }
    }
}

/* The longest run of backticks. */
static size_t text_backticks(struct str text)
{
    size_t longest = 0;
    size_t run = 0;
    for (size_t i = 0; i < text.size; i++) {
        run = text.data[i] == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

void text_markdown_code(struct buf *out, struct str text)
{
    if (text.size == 0) {
        return;
    }
    size_t fence = text_backticks(text) + 1;
    for (size_t i = 0; i < fence; i++) {
        buf_append_char(out, '`');
    }
    const char *pad = fence > 1 ? " " : "";
    buf_append_text(out, pad);
    char scratch[4];
    while (text.size > 0) {
        struct str one = text_next(&text, scratch);
        char c = one.size == 1 ? one.data[0] : '\0';
        if (c == '\n' || c == '\t') {
            buf_append_char(out, ' ');
        } else {
            buf_append_text(out, c == '|' ? "\\" : ""); /* a table's cell ends at a bare one even in code */
            buf_append_str(out, one);
        }
    }
    buf_append_text(out, pad);
    for (size_t i = 0; i < fence; i++) {
        buf_append_char(out, '`');
    }
}

void text_json_in_html(struct buf *out, struct str json)
{
    /* Outside of its strings JSON has no '<', and inside this escape means the same. */
    size_t plain = 0;
    for (size_t i = 0; i < json.size; i++) {
        if (json.data[i] == '<') {
            buf_append(out, json.data + plain, i - plain);
            buf_append_text(out, "\\u003c");
            plain = i + 1;
        }
    }
    buf_append(out, json.data + plain, json.size - plain);
}

void text_time(int64_t ns, char out[TEXT_TIME_SIZE])
{
    uint64_t whole = ns <= 0 ? 0 : (uint64_t)ns;
    units_format_duration(whole - whole % NS_PER_MS, out, TEXT_TIME_SIZE);
}
