/* Reading a section by its rows.  Unknown keys first, then what is required, then each key that is there,
 * in the order of the table: what a later key refers to has been read before. */
#include "harness/scenario/keys.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include <stdio.h>

#define SECTION_KEYS_MAX 64

/* The rows of another language than the scenario's, where a reading has its own. */
static const struct key_row *rows_of(const struct reading *r, size_t *count)
{
    *count = r->rows == NULL ? key_table_size : r->row_count;
    return r->rows == NULL ? key_table : r->rows;
}

static const struct key_row *find_row(const struct key_row *rows, size_t count, const char *section,
                                      struct str key)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].section, section) == 0 && str_equal(str_of(rows[i].key), key)) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct key_row *keys_find(const char *section, struct str key)
{
    return find_row(key_table, key_table_size, section, key);
}

static void keys_hint(const struct key_row *rows, size_t row_count, const char *section, struct str wrong,
                      char *out, size_t size)
{
    const char *names[SECTION_KEYS_MAX];
    size_t count = 0;
    struct buf allowed;
    buf_init(&allowed, 1024);
    for (size_t i = 0; i < row_count && count < SECTION_KEYS_MAX; i++) {
        const struct key_row *row = &rows[i];
        if (strcmp(row->section, section) == 0) {
            names[count++] = row->key;
            buf_printf(&allowed, "%s%s", allowed.size == 0 ? "" : ", ", row->key);
        }
    }
    const char *near = suggest_name(wrong, names, count);
    if (near != NULL) {
        (void)snprintf(out, size, "did you mean \"%s\"?   (allowed: %s)", near, buf_text(&allowed));
    } else {
        (void)snprintf(out, size, "allowed: %s", buf_text(&allowed));
    }
    buf_deinit(&allowed);
}

/* --- plain values --------------------------------------------------------------------------------- */

/* '"30" needs a unit for check_interval (a duration)': the text is a number that has none. */
static bool complain_of_unit(struct reading *r, const struct yaml_node *node, const char *key,
                             const char *kind, const char *example, const char *other)
{
    double ignored = 0;
    if (units_parse_double(str_of(node->text), &ignored, NULL) != 0) {
        return false;
    }
    char hint[160];
    (void)snprintf(hint, sizeof(hint), "write \"%.40s%s\"%s%.40s%s", node->text, example,
                   other == NULL ? "" : ", or \"", other == NULL ? "" : node->text,
                   other == NULL ? "" : other);
    complain(r, node, hint, "\"%s\" needs a unit for %s (%s)", node->text, key, kind);
    return true;
}

bool keys_read_duration(struct reading *r, const struct yaml_node *node, const char *key, uint64_t *out)
{
    struct errmsg msg;
    if (reading_text(r, node, key) == NULL ||
        complain_of_unit(r, node, key, "a duration", "s", "m\" if you meant minutes")) {
        return false;
    }
    if (units_parse_duration(str_of(node->text), 0, out, &msg) != 0) {
        complain(r, node, NULL, "%s takes a duration like 250ms, 30s, 5m or 1h: %s", key, msg.text);
        return false;
    }
    if (*out > (uint64_t)365 * 86400 * NS_PER_S) {
        complain(r, node, NULL, "%s is at most a year, not \"%s\"", key, node->text);
        return false;
    }
    return true;
}

bool keys_read_size(struct reading *r, const struct yaml_node *node, const char *key, uint64_t *out)
{
    struct errmsg msg;
    if (reading_text(r, node, key) == NULL ||
        complain_of_unit(r, node, key, "a size", "KB", "MiB\" if you meant that")) {
        return false;
    }
    if (units_parse_size(str_of(node->text), false, out, &msg) != 0) {
        complain(r, node, NULL, "%s takes a size like 512B, 20KB or 1MiB: %s", key, msg.text);
        return false;
    }
    return true;
}

bool keys_read_rate(struct reading *r, const struct yaml_node *node, const char *key, double *out)
{
    struct errmsg msg;
    if (reading_text(r, node, key) == NULL ||
        complain_of_unit(r, node, key, "a rate", "/s", "/min\" if you meant minutes")) {
        return false;
    }
    if (units_parse_rate(str_of(node->text), out, &msg) != 0) {
        complain(r, node, NULL, "%s takes a rate like 50/min or 200/s: %s", key, msg.text);
        return false;
    }
    return true;
}

bool keys_read_share(struct reading *r, const struct yaml_node *node, const char *key, double *out)
{
    struct errmsg msg;
    if (reading_text(r, node, key) == NULL || complain_of_unit(r, node, key, "a share", "%\"", NULL)) {
        return false;
    }
    if (units_parse_share(str_of(node->text), false, out, &msg) != 0) {
        complain(r, node, NULL, "%s takes a share like 80%%: %s", key, msg.text);
        return false;
    }
    return true;
}

static bool keys_read_count(struct reading *r, const struct yaml_node *node, const char *key, uint64_t *out)
{
    struct errmsg msg;
    if (reading_text(r, node, key) == NULL) {
        return false;
    }
    if (units_parse_u64(str_of(node->text), out, &msg) != 0) {
        complain(r, node, NULL, "%s takes a whole number, not \"%s\"", key, node->text);
        return false;
    }
    return true;
}

bool keys_read_choice(struct reading *r, const struct yaml_node *node, const char *key, const char *choices,
                      size_t *index)
{
    const char *text = reading_text(r, node, key);
    if (text == NULL) {
        return false;
    }
    char *names[SECTION_KEYS_MAX];
    size_t count = 0;
    struct str rest = str_of(choices);
    bool found = false;
    while (rest.data != NULL && count < SECTION_KEYS_MAX) {
        struct str one = str_cut(rest, '|', &rest);
        if (str_equal(one, str_of(text))) {
            *index = count;
            found = true;
        }
        names[count++] = mem_strndup(one.data, one.size);
    }
    if (!found) {
        char hint[160] = "";
        const char *near = suggest_name(str_of(text), (const char *const *)names, count);
        if (near != NULL) {
            (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
        }
        complain(r, node, near == NULL ? NULL : hint, "%s is one of %s, not \"%s\"", key, choices, text);
    }
    for (size_t i = 0; i < count; i++) {
        mem_free(names[i]);
    }
    return found;
}

/* --- storing ---------------------------------------------------------------------------------------- */

static void store(void *target, const struct key_row *row, const void *value, size_t size)
{
    memcpy((char *)target + row->offset, value, size);
}

static void store_number(struct reading *r, const struct yaml_node *node, const struct key_row *row,
                         uint64_t value, void *target)
{
    if ((row->low != 0 && (double)value < row->low) || (row->high != 0 && (double)value > row->high)) {
        complain(r, node, NULL, "%s is %s, not \"%s\"", row->key, row->value, node->text);
    } else if (row->size == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;
        store(target, row, &narrow, sizeof(narrow));
    } else {
        store(target, row, &value, sizeof(value));
    }
}

static void store_text(struct reading *r, const struct yaml_node *node, const struct key_row *row,
                       void *target)
{
    const char *text = reading_text(r, node, row->key);
    if (text == NULL) {
        return;
    }
    if (row->type == KEY_NAME && !name_is_plain(text)) {
        complain(
            r, node, NULL,
            "%s takes a name of letters, digits, \"-\" and \"_\", at most %d, a letter first; not \"%s\"",
            row->key, SCENARIO_NAME_MAX, text);
        return;
    }
    char *copy = mem_strdup(text);
    store(target, row, &copy, sizeof(copy));
}

/* The ids of a runbook's lines: lower case, with dots between the parts. */
static bool id_is_plain(const char *text)
{
    return text[0] != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(text);
}

static void store_ids(struct reading *r, const struct yaml_node *node, const struct key_row *row,
                      void *target)
{
    struct buf ids;
    if (!reading_is_list(r, node, row->key, SCENARIO_ITEMS_MAX)) {
        return;
    }
    buf_init(&ids, SCENARIO_FILE_MAX);
    for (size_t i = 0; i < node->count; i++) {
        const char *text = reading_text(r, node->items[i], row->key);
        if (text != NULL && !id_is_plain(text)) {
            complain(r, node->items[i], NULL,
                     "%s takes ids of small letters, digits, \"-\" and \".\", not \"%s\"", row->key, text);
        } else if (text != NULL) {
            buf_printf(&ids, "%s%s", ids.size == 0 ? "" : " ", text);
        }
    }
    char *copy = mem_strdup(buf_text(&ids));
    store(target, row, &copy, sizeof(copy));
    buf_deinit(&ids);
}

static void read_row(struct reading *r, const struct yaml_node *node, const struct key_row *row, void *target)
{
    uint64_t whole = 0;
    double real = 0;
    size_t index = 0;
    switch (row->type) {
        case KEY_TEXT:
        case KEY_NAME:
            store_text(r, node, row, target);
            return;
        case KEY_IDS:
            store_ids(r, node, row, target);
            return;
        case KEY_DURATION:
            if (keys_read_duration(r, node, row->key, &whole)) {
                store_number(r, node, row, whole, target);
            }
            return;
        case KEY_SIZE:
            if (keys_read_size(r, node, row->key, &whole)) {
                store_number(r, node, row, whole, target);
            }
            return;
        case KEY_COUNT:
            if (keys_read_count(r, node, row->key, &whole)) {
                store_number(r, node, row, whole, target);
            }
            return;
        case KEY_RATE:
            if (keys_read_rate(r, node, row->key, &real)) {
                if (real < row->low || (row->high != 0 && real > row->high)) {
                    complain(r, node, NULL, "%s is %s, not \"%s\"", row->key, row->value, node->text);
                    return;
                }
                store(target, row, &real, sizeof(real));
            }
            return;
        case KEY_CHOICE:
            if (keys_read_choice(r, node, row->key, row->choices, &index) && row->read != NULL) {
                row->read(r, node, target);
            }
            return;
        case KEY_OTHER:
            row->read(r, node, target);
            return;
        case KEY_PASSED:
            if (row->read != NULL) {
                row->read(r, node, target);
            }
            return;
    }
}

static void complain_of_keys(struct reading *r, const char *section, const char *title,
                             const struct yaml_node *map, bool passes)
{
    size_t row_count;
    const struct key_row *rows = rows_of(r, &row_count);
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_node *key = map->keys[i];
        struct str name = str_make(key->text, key->text_size);
        const struct key_row *row = find_row(rows, row_count, section, name);
        if (row == NULL && !passes) {
            char hint[1200];
            keys_hint(rows, row_count, section, name, hint, sizeof(hint));
            complain(r, key, hint, "unknown key \"%s\" in %s", key->text, title);
        }
    }
}

void keys_read(struct reading *r, const char *section, const char *title, const struct yaml_node *map,
               void *target, bool passes)
{
    if (map->kind != YAML_MAP) {
        complain(r, map, NULL, "%s takes keys: lines \"key: value\", or { key: value, ... }", title);
        return;
    }
    complain_of_keys(r, section, title, map, passes);
    size_t row_count;
    const struct key_row *rows = rows_of(r, &row_count);
    for (size_t i = 0; i < row_count; i++) {
        const struct key_row *row = &rows[i];
        if (strcmp(row->section, section) != 0) {
            continue;
        }
        const struct yaml_node *node = yaml_get(map, row->key);
        if (node == NULL && row->required) {
            complain(r, map, NULL, "%s needs \"%s\": %s", title, row->key, row->meaning);
        } else if (node != NULL) {
            const char *outer = r->title;
            r->title = title;
            read_row(r, node, row, target);
            r->title = outer;
        }
    }
}
