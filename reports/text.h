/* Text as other formats want it.  Whatever a scenario, a shell command or an instance said may stand in a
 * report: angle brackets, pipes, control characters, bytes that are no UTF-8.  Everything here takes any
 * bytes and appends well-formed text. */
#ifndef WALDRILL_REPORTS_TEXT_H
#define WALDRILL_REPORTS_TEXT_H

#include "base/buf.h"
#include "base/str.h"
#include <stdint.h>

#define TEXT_TIME_SIZE 48

/* XML and HTML, between tags or in a quoted attribute.  Characters that XML cannot hold are shown by their
 * pictures (U+2400 and up) or as U+FFFD. */
void text_xml(struct buf *out, struct str text);
void text_xml_attribute(struct buf *out, struct str text);
/* Prose in Markdown, on one line, good in a table too. */
void text_markdown(struct buf *out, struct str text);
/* A code span of it, on one line, good in a table too; nothing for an empty text. */
void text_markdown_code(struct buf *out, struct str text);
/* JSON that may stand inside of a <script> element: no "</script" and no "<!--". */
void text_json_in_html(struct buf *out, struct str json);
/* "1m35.2s": to the millisecond, an instant before the start as 0s. */
void text_time(int64_t ns, char out[TEXT_TIME_SIZE]);

#endif
