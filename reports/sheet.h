/* Headings, sentences and tables, written once and shown in three forms: plain text with columns, Markdown,
 * HTML.  Private to reports/. */
#ifndef WALDRILL_REPORTS_SHEET_H
#define WALDRILL_REPORTS_SHEET_H

#include "base/buf.h"
#include <stdbool.h>

enum sheet_form { SHEET_TEXT, SHEET_MARKDOWN, SHEET_HTML };

struct sheet {
    struct buf *out;
    enum sheet_form form;
    struct buf rows; /* of the table that is open: cells with '|' between, a line each */
};

void sheet_begin(struct sheet *s, struct buf *out, enum sheet_form form);
void sheet_end(struct sheet *s);
void sheet_title(struct sheet *s, const char *text);
void sheet_heading(struct sheet *s, const char *text);
void sheet_line(struct sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Cells of a row with '|' between them, the first row being the heads.  A cell cannot hold a '|'. */
void sheet_row(struct sheet *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sheet_table_end(struct sheet *s);

#endif
