#include "proxy/ctl/table.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 16
#define GAP         2

struct cell {
    char *text;
    size_t width;
    enum tone tone;
};

struct table {
    const char *headers[COLUMNS_MAX];
    bool numbers[COLUMNS_MAX];
    size_t columns;
    struct cell *cells;
    size_t count, capacity;
};

/* Bytes that are no text, or would move the cursor, become "?". */
static void clean(struct buf *out, const char *text, size_t *width)
{
    struct str rest = str_of(text);
    *width = 0;
    while (rest.size > 0) {
        size_t size = utf8_length(rest);
        unsigned char first = (unsigned char)rest.data[0];
        bool c1 = size == 2 && first == 0xc2 && (unsigned char)rest.data[1] < 0xa0;
        if (size == 0 || c1 || first < 0x20 || first == 0x7f) {
            buf_append_char(out, '?');
            size = size == 0 ? 1 : size;
        } else {
            buf_append(out, rest.data, size);
        }
        rest = str_make(rest.data + size, rest.size - size);
        ++*width;
    }
}

struct table *table_new(const char *const *headers)
{
    struct table *t = mem_alloc(sizeof(*t));
    for (; headers[t->columns] != NULL; t->columns++) {
        CHECK(t->columns < COLUMNS_MAX);
        t->numbers[t->columns] = headers[t->columns][0] == '>';
        t->headers[t->columns] = headers[t->columns] + (t->numbers[t->columns] ? 1 : 0);
    }
    return t;
}

void table_cell(struct table *t, enum tone tone, const char *text)
{
    struct buf b;
    size_t width = 0;
    buf_init(&b, (size_t)1 << 20);
    clean(&b, text == NULL ? "-" : text, &width);
    if (t->count == t->capacity) {
        t->capacity = t->capacity == 0 ? 64 : 2 * t->capacity;
        t->cells = mem_realloc(t->cells, t->capacity * sizeof(*t->cells));
    }
    t->cells[t->count++] = (struct cell){ mem_strdup(buf_text(&b)), width, tone };
    buf_deinit(&b);
}

void table_number(struct table *t, enum tone tone, long long number)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", number);
    table_cell(t, tone, text);
}

void table_say(struct buf *out, bool colour, enum tone tone, const char *text)
{
    static const char *const codes[] = {
        [TONE_PLAIN] = "", [TONE_GOOD] = "32", [TONE_WARNING] = "33", [TONE_BAD] = "31;1", [TONE_QUIET] = "2",
    };
    size_t width;
    bool painted = colour && codes[tone][0] != '\0';
    if (painted) {
        buf_printf(out, "\x1b[%sm", codes[tone]);
    }
    clean(out, text, &width);
    if (painted) {
        buf_append_text(out, "\x1b[0m");
    }
}

static void pad(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_append_char(out, ' ');
    }
}

static void put(struct buf *out, const struct table *t, size_t column, const size_t *widths, const char *text,
                size_t width, enum tone tone, bool colour)
{
    bool last = column + 1 == t->columns;
    if (t->numbers[column]) {
        pad(out, widths[column] - width);
    }
    table_say(out, colour, tone, text);
    if (!last) {
        pad(out, (t->numbers[column] ? 0 : widths[column] - width) + GAP);
    } else {
        buf_append_char(out, '\n');
    }
}

void table_print(struct table *t, bool colour, struct buf *out)
{
    size_t widths[COLUMNS_MAX];
    CHECK(t->count % t->columns == 0);
    for (size_t c = 0; c < t->columns; c++) {
        widths[c] = strlen(t->headers[c]);
        for (size_t i = c; i < t->count; i += t->columns) {
            widths[c] = t->cells[i].width > widths[c] ? t->cells[i].width : widths[c];
        }
    }
    for (size_t c = 0; c < t->columns; c++) {
        put(out, t, c, widths, t->headers[c], strlen(t->headers[c]), TONE_QUIET, colour);
    }
    for (size_t i = 0; i < t->count; i++) {
        put(out, t, i % t->columns, widths, t->cells[i].text, t->cells[i].width, t->cells[i].tone, colour);
        mem_free(t->cells[i].text);
    }
    mem_free(t->cells);
    mem_free(t);
}
