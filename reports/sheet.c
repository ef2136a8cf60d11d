#include "reports/sheet.h"

#include "reports/text.h"
#include <string.h>

#define ROWS_BYTES_MAX ((size_t)4 << 20)
#define LINE_BYTES_MAX ((size_t)1 << 16)
#define CELLS_MAX      16
#define FIGURE_WIDTH   12u /* a cell as short is a figure with its unit, and stays on one line */

void sheet_begin(struct sheet *s, struct buf *out, enum sheet_form form)
{
    *s = (struct sheet){ .out = out, .form = form };
    buf_init(&s->rows, ROWS_BYTES_MAX);
}

void sheet_end(struct sheet *s)
{
    s->out->failed = s->out->failed || s->rows.failed;
    buf_deinit(&s->rows);
}

static void put_text(struct sheet *s, struct str text)
{
    switch (s->form) {
        case SHEET_TEXT:
            buf_append_str(s->out, text);
            break;
        case SHEET_MARKDOWN:
            text_markdown(s->out, text);
            break;
        case SHEET_HTML:
            text_xml(s->out, text);
            break;
    }
}

static void put_between(struct sheet *s, const char *const before[3], struct str text,
                        const char *const after[3])
{
    buf_append_text(s->out, before[s->form]);
    put_text(s, text);
    buf_append_text(s->out, after[s->form]);
}

void sheet_title(struct sheet *s, const char *text)
{
    static const char *const before[3] = { "", "# ", "<h1>" };
    static const char *const after[3] = { "\n", "\n", "</h1>\n" };
    put_between(s, before, str_of(text), after);
}

void sheet_heading(struct sheet *s, const char *text)
{
    static const char *const before[3] = { "\n", "\n## ", "<h2>" };
    static const char *const after[3] = { "\n", "\n\n", "</h2>\n" };
    put_between(s, before, str_of(text), after);
}

void sheet_line(struct sheet *s, const char *format, ...)
{
    static const char *const before[3] = { "  ", "", "<p>" };
    static const char *const after[3] = { "\n", "\n\n", "</p>\n" };
    struct buf line;
    va_list args;
    buf_init(&line, LINE_BYTES_MAX);
    va_start(args, format);
    buf_vprintf(&line, format, args);
    va_end(args);
    put_between(s, before, buf_str(&line), after);
    buf_deinit(&line);
}

void sheet_row(struct sheet *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(&s->rows, format, args);
    va_end(args);
    buf_append_char(&s->rows, '\n');
}

/* ---- a table ---- */

/* Characters as a terminal counts them: what continues one in UTF-8 takes no room of its own. */
static size_t width_of(struct str cell)
{
    size_t width = 0;
    for (size_t i = 0; i < cell.size; i++) {
        width += ((unsigned char)cell.data[i] & 0xC0) == 0x80 ? 0 : 1;
    }
    return width;
}

static void measure(struct str rows, size_t widths[CELLS_MAX])
{
    while (rows.size > 0) {
        struct str row = str_cut(rows, '\n', &rows);
        for (size_t i = 0; i < CELLS_MAX && row.data != NULL; i++) {
            size_t width = width_of(str_cut(row, '|', &row));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
}

static void text_row(struct sheet *s, struct str row, const size_t widths[CELLS_MAX])
{
    for (size_t i = 0; i < CELLS_MAX && row.data != NULL; i++) {
        struct str cell = str_cut(row, '|', &row);
        buf_append_text(s->out, "  ");
        buf_append_str(s->out, cell);
        for (size_t pad = width_of(cell); pad < widths[i] && row.data != NULL; pad++) {
            buf_append_char(s->out, ' ');
        }
    }
    buf_append_char(s->out, '\n');
}

static void markdown_row(struct sheet *s, struct str row, bool heads)
{
    size_t count = 0;
    for (; row.data != NULL; count++) {
        buf_append_text(s->out, "| ");
        put_text(s, str_cut(row, '|', &row));
        buf_append_char(s->out, ' ');
    }
    buf_append_text(s->out, "|\n");
    for (size_t i = 0; i < count && heads; i++) {
        buf_append_text(s->out, i + 1 == count ? "|---|\n" : "|---");
    }
}

/* On a narrow screen a row becomes a card: each cell says which column it is of. */
static void html_row(struct sheet *s, struct str row, struct str heads)
{
    bool is_head = row.data == heads.data;
    buf_append_text(s->out, "<tr>");
    while (row.data != NULL) {
        struct str head = str_cut(heads, '|', &heads);
        struct str cell = str_cut(row, '|', &row);
        buf_append_text(s->out, is_head ? "<th scope=\"col\">" : "<td data-label=\"");
        if (!is_head) {
            text_xml_attribute(s->out, head);
            buf_append_text(s->out, width_of(cell) > FIGURE_WIDTH ? "\">" : "\" class=\"figure\">");
        }
        put_text(s, cell);
        buf_append_text(s->out, is_head ? "</th>" : "</td>");
    }
    buf_append_text(s->out, is_head ? "</tr></thead><tbody>\n" : "</tr>\n");
}

void sheet_table_end(struct sheet *s)
{
    size_t widths[CELLS_MAX] = { 0 };
    struct str rows = buf_str(&s->rows);
    measure(rows, widths);
    struct str rest;
    struct str first = str_cut(rows, '\n', &rest);
    buf_append_text(s->out,
                    s->form == SHEET_HTML ? "<div class=\"table\"><table class=\"sheet\"><thead>" : "");
    for (bool heads = true; rows.size > 0; heads = false) {
        struct str row = str_cut(rows, '\n', &rows);
        switch (s->form) {
            case SHEET_TEXT:
                text_row(s, row, widths);
                break;
            case SHEET_MARKDOWN:
                markdown_row(s, row, heads);
                break;
            case SHEET_HTML:
                html_row(s, row, first);
                break;
        }
    }
    static const char *const after[3] = { "", "\n", "</tbody></table></div>\n" };
    buf_append_text(s->out, after[s->form]);
    buf_clear(&s->rows);
}
