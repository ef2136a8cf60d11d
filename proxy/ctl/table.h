/* Tables for people: columns as wide as they need to be, numbers to the right, colours on a terminal only.
 * Whatever would control a terminal is taken out of the cells: names and reasons come from clients. */
#ifndef WALDRILL_PROXY_CTL_TABLE_H
#define WALDRILL_PROXY_CTL_TABLE_H

#include "base/buf.h"
#include <stdbool.h>

enum tone { TONE_PLAIN, TONE_GOOD, TONE_WARNING, TONE_BAD, TONE_QUIET };

struct table;

/* headers end with NULL; one that begins with '>' is of a column of numbers. */
struct table *table_new(const char *const *headers);
/* The next cell of the row; the row is full with the last column. */
void table_cell(struct table *t, enum tone tone, const char *text);
void table_number(struct table *t, enum tone tone, long long number);
/* Prints it, and frees it. */
void table_print(struct table *t, bool colour, struct buf *out);

/* Text for a terminal, in a tone. */
void table_say(struct buf *out, bool colour, enum tone tone, const char *text);

#endif
