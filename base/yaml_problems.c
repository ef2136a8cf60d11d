/* The list of complaints about a file, and how it is shown: place, text, the source line, a caret.
 *
 * What comes from the file is shown with control characters replaced, so that a hostile file cannot
 * drive the terminal. */
#include "base/buf.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "base/yaml_tree.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES = 1024, SHOWN_COLUMNS = 200 };

static void add(struct yaml_problems *list, unsigned line, unsigned column, unsigned width, const char *hint,
                const char *format, va_list args) __attribute__((format(printf, 6, 0)));

static void add(struct yaml_problems *list, unsigned line, unsigned column, unsigned width, const char *hint,
                const char *format, va_list args)
{
    char text[TEXT_BYTES];
    (void)vsnprintf(text, sizeof(text), format, args); /* cut when longer */
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        list->items = mem_realloc(list->items, list->capacity * sizeof(*list->items));
    }
    list->items[list->count++] = (struct yaml_problem){
        .line = line,
        .column = column,
        .width = width == 0 ? 1 : width,
        .text = mem_strdup(text),
        .hint = hint == NULL ? NULL : mem_strdup(hint),
    };
}

void yaml_problem_add(struct yaml_problems *list, unsigned line, unsigned column, unsigned width,
                      const char *hint, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(list, line, column, width, hint, format, args);
    va_end(args);
}

void yaml_problem_at(struct yaml_problems *list, const struct yaml_node *node, const char *hint,
                     const char *format, ...)
{
    unsigned width =
        node->kind == YAML_SCALAR && node->text_size < TEXT_BYTES ? (unsigned)node->text_size : 1;
    va_list args;
    va_start(args, format);
    add(list, node->line, node->column, width + (node->quoted ? 2 : 0), hint, format, args);
    va_end(args);
}

void yaml_problems_deinit(struct yaml_problems *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->items[i].text);
        mem_free(list->items[i].hint);
    }
    mem_free(list->items);
    *list = (struct yaml_problems){ 0 };
}

static int in_order_of_lines(const void *a, const void *b)
{
    const struct yaml_problem *const *pa = a;
    const struct yaml_problem *const *pb = b;
    if ((*pa)->line != (*pb)->line) {
        return (*pa)->line < (*pb)->line ? -1 : 1;
    }
    if ((*pa)->column != (*pb)->column) {
        return (*pa)->column < (*pb)->column ? -1 : 1;
    }
    return *pa < *pb ? -1 : *pa > *pb; /* of one array: as they were found */
}

static struct str source_line(struct str source, unsigned line)
{
    struct str rest = source;
    struct str text = str_make(NULL, 0);
    for (unsigned i = 0; i < line; i++) {
        if (rest.data == NULL) {
            return str_make(NULL, 0);
        }
        text = str_cut(rest, '\n', &rest);
    }
    return text.size > 0 && text.data[text.size - 1] == '\r' ? str_make(text.data, text.size - 1) : text;
}

/* Returns how many columns were written. */
static unsigned print_line(struct str line, struct buf *out)
{
    unsigned columns = 0;
    while (line.size > 0 && columns < SHOWN_COLUMNS) {
        unsigned char c = (unsigned char)line.data[0];
        size_t length = utf8_length(line);
        if (length == 0 || c < 0x20 || c == 0x7f) {
            buf_append_char(out, c == '\t' ? ' ' : '?');
            length = 1;
        } else {
            buf_append(out, line.data, length);
        }
        line = str_make(line.data + length, line.size - length);
        columns++;
    }
    return columns;
}

static void print_problem(const struct yaml_problem *p, const char *path, struct str source, bool colour,
                          struct buf *out)
{
    const char *red = colour ? "\033[1;31m" : "";
    const char *plain = colour ? "\033[0m" : "";
    buf_printf(out, "%s:%u:%u: %serror:%s %s\n", path, p->line, p->column, red, plain, p->text);
    struct str line = source_line(source, p->line);
    unsigned columns = 0;
    if (line.size > 0) {
        buf_printf(out, "%5u | ", p->line);
        columns = print_line(line, out);
        buf_append_char(out, '\n');
    }
    if (columns > 0 && p->column <= columns + 1) {
        unsigned room = columns >= p->column ? columns - p->column + 1 : 1;
        buf_printf(out, "      | %*s%s", (int)(p->column - 1), "", red);
        for (unsigned i = 0; i < p->width && i < room; i++) {
            buf_append_char(out, '^');
        }
        buf_printf(out, "%s%s%s\n", plain, p->hint == NULL ? "" : " ", p->hint == NULL ? "" : p->hint);
    } else if (p->hint != NULL) {
        buf_printf(out, "      | %s\n", p->hint);
    }
}

void yaml_problems_print(const struct yaml_problems *list, const char *path, struct str source, size_t cap,
                         bool colour, struct buf *out)
{
    const struct yaml_problem **sorted = mem_alloc_array(list->count, sizeof(struct yaml_problem *));
    for (size_t i = 0; i < list->count; i++) {
        sorted[i] = &list->items[i];
    }
    if (list->count > 1) {
        qsort(sorted, list->count, sizeof(struct yaml_problem *), in_order_of_lines);
    }
    for (size_t i = 0; i < list->count && i < cap; i++) {
        print_problem(sorted[i], path, source, colour, out);
    }
    if (list->count > cap) {
        buf_printf(out, "and %zu more\n", list->count - cap);
    }
    mem_free(sorted);
}
