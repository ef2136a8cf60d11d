/* The JSON Schema of a scenario, for editors: from the table of keys, like the parser and the manual.
 *
 * A schema says which keys stand where and what their values look like.  What it cannot say (a mark names a
 * phase that is there, an expression measures what it compares) only `waldrill validate` knows, so a file
 * that the schema accepts may still be wrong; what it refuses is.
 *
 * Shapes of the table: the name of a definition, "list:" or "map:" before a shape, "|" between two. */
#include "harness/scenario/keys.h"

#include "base/buf.h"
#include "base/json_writer.h"
#include "proxy/core/alerts.h"
#include "proxy/core/settings.h"
#include <stdio.h>

#define DRAFT     "https://json-schema.org/draft/2020-12/schema"
#define TITLE     "A scenario of waldrill"
#define NAME_SIZE 64

/* --- shapes --------------------------------------------------------------------------------------------- */

static void put_shape(struct json_writer *w, struct str shape);

static void put_inside(struct json_writer *w, const char *type, const char *key, struct str inner)
{
    json_pair_text(w, "type", type);
    json_key(w, key);
    json_object_begin(w);
    put_shape(w, inner);
    json_object_end(w);
}

/* The members of a schema object. */
static void put_shape(struct json_writer *w, struct str shape)
{
    if (str_starts(shape, STR("list:"))) {
        put_inside(w, "array", "items", str_make(shape.data + 5, shape.size - 5));
        return;
    }
    if (str_starts(shape, STR("map:"))) {
        put_inside(w, "object", "additionalProperties", str_make(shape.data + 4, shape.size - 4));
        return;
    }
    struct str rest;
    struct str first = str_cut(shape, '|', &rest);
    if (rest.data != NULL) {
        json_key(w, "anyOf");
        json_array_begin(w);
        json_object_begin(w);
        put_shape(w, first);
        json_object_end(w);
        json_object_begin(w);
        put_shape(w, rest);
        json_object_end(w);
        json_array_end(w);
        return;
    }
    char reference[NAME_SIZE];
    (void)snprintf(reference, sizeof(reference), "#/$defs/%.*s", STR_ARGS(shape));
    json_pair_text(w, "$ref", reference);
}

static void put_enum(struct json_writer *w, const char *choices)
{
    json_key(w, "enum");
    json_array_begin(w);
    struct str rest = str_of(choices);
    while (rest.data != NULL) {
        json_put_str(w, str_cut(rest, '|', &rest));
    }
    json_array_end(w);
}

/* --- sections ------------------------------------------------------------------------------------------- */

static void put_row(struct json_writer *w, const struct key_row *row)
{
    switch (row->type) {
        case KEY_TEXT:
            put_shape(w, STR("text"));
            return;
        case KEY_NAME:
            put_shape(w, STR("name"));
            return;
        case KEY_DURATION:
            put_shape(w, STR("duration"));
            return;
        case KEY_SIZE:
            put_shape(w, STR("size"));
            return;
        case KEY_RATE:
            put_shape(w, STR("rate"));
            return;
        case KEY_COUNT:
            json_pair_text(w, "type", "integer");
            json_pair_u64(w, "minimum", (uint64_t)row->low);
            if (row->high != 0) {
                json_pair_u64(w, "maximum", (uint64_t)row->high);
            }
            return;
        case KEY_IDS:
            put_shape(w, STR("list:text"));
            return;
        case KEY_CHOICE:
            put_enum(w, row->choices);
            return;
        case KEY_OTHER:
            put_shape(w, str_of(row->shape));
            return;
        case KEY_PASSED:
            put_shape(w, STR("any"));
            return;
    }
}

/* "What breaks, and when: a list" */
static void put_description(struct json_writer *w, const char *meaning, const char *value)
{
    char text[400];
    (void)snprintf(text, sizeof(text), "%s: %s", meaning, value);
    json_pair_text(w, "description", text);
}

static void put_properties(struct json_writer *w, const char *section)
{
    for (size_t i = 0; i < key_table_size; i++) {
        const struct key_row *row = &key_table[i];
        if (strcmp(row->section, section) == 0) {
            json_key(w, row->key);
            json_object_begin(w);
            put_description(w, row->meaning, row->value);
            put_row(w, row);
            json_object_end(w);
        }
    }
}

static void put_required(struct json_writer *w, const char *section)
{
    json_key(w, "required");
    json_array_begin(w);
    for (size_t i = 0; i < key_table_size; i++) {
        if (key_table[i].required && strcmp(key_table[i].section, section) == 0) {
            json_put_text(w, key_table[i].key);
        }
    }
    json_array_end(w);
}

/* What a file extends may hold the rest of a map, or a matrix may; entries of lists stand for themselves. */
static bool section_is_merged(const char *section)
{
    return strcmp(section, "scenario") == 0 || strcmp(section, "load") == 0;
}

static void put_section(struct json_writer *w, const char *section)
{
    json_pair_text(w, "type", "object");
    json_key(w, "properties");
    json_object_begin(w);
    put_properties(w, section);
    json_object_end(w);
    if (!section_is_merged(section)) {
        put_required(w, section);
    }
    json_pair_bool(w, "additionalProperties", false);
}

/* --- settings of walproxy ------------------------------------------------------------------------------- */

static void put_setting(struct json_writer *w, const struct settings_row *row)
{
    switch (row->type) {
        case SETTINGS_DURATION:
            put_shape(w, STR("duration"));
            return;
        case SETTINGS_SIZE:
            put_shape(w, STR("size"));
            return;
        case SETTINGS_SHARE:
            put_shape(w, STR("share"));
            return;
        case SETTINGS_COUNT:
        case SETTINGS_FACTOR:
            json_pair_text(w, "type", "number");
            return;
        case SETTINGS_CHOICE:
        case SETTINGS_NAME:
            put_enum(w, row->choices);
            return;
        case SETTINGS_TEXT:
        case SETTINGS_ADDRESS:
        case SETTINGS_URL:
        case SETTINGS_SECRET:
            put_shape(w, STR("text"));
            return;
    }
}

/* The balancer: its own keys, and every setting that is not the engine's. */
static void put_lb(struct json_writer *w)
{
    json_pair_text(w, "type", "object");
    json_key(w, "properties");
    json_object_begin(w);
    put_properties(w, "balancer");
    for (size_t i = 0; i < settings_table_size; i++) {
        char name[NAME_SIZE];
        if (lb_setting_name(&settings_table[i], name, sizeof(name))) {
            json_key(w, name);
            json_object_begin(w);
            put_description(w, settings_table[i].meaning, settings_table[i].expected);
            put_setting(w, &settings_table[i]);
            json_object_end(w);
        }
    }
    json_object_end(w);
    json_pair_bool(w, "additionalProperties", false);
}

/* --- plain definitions ---------------------------------------------------------------------------------- */

static const struct {
    const char *name, *schema;
} plain[] = {
    { "any", "{}" },
    { "none", "{\"const\":\"none\"}" },
    { "text", "{\"type\":[\"string\",\"number\",\"boolean\"]}" },
    { "name", "{\"type\":\"string\",\"pattern\":\"^[A-Za-z][A-Za-z0-9_-]*$\",\"maxLength\":48}" },
    { "duration", "{\"type\":\"string\",\"pattern\":\"^([0-9]+([.][0-9]+)?(ns|us|ms|s|m|h|d))+$\"}" },
    { "size", "{\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?(B|[KMG]i?B)$\"}" },
    { "rate", "{\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?/(s|min|m|h|d)$\"}" },
    { "share", "{\"type\":\"string\",\"pattern\":\"^[0-9]+([.][0-9]+)?%$\"}" },
    { "expression", "{\"type\":\"string\"}" },
    { "mark", "{\"type\":\"string\"}" },
    { "format", "{\"enum\":[\"html\",\"md\",\"junit\",\"json\",\"csv\",\"events\"]}" },
};

static void put_names(struct json_writer *w, const char *definition, const char *const *names, size_t count)
{
    json_key(w, definition);
    json_object_begin(w);
    json_key(w, "enum");
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_put_text(w, names[i]);
    }
    json_array_end(w);
    json_object_end(w);
}

/* A claim is an expression or a map; each other section is what its name says. */
static void put_definitions(struct json_writer *w)
{
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        json_key(w, plain[i].name);
        json_put_raw(w, str_of(plain[i].schema));
    }
    put_names(w, "invariant", scenario_invariant_spellings, scenario_invariant_spelling_count);
    put_names(w, "rule", alert_names, ALERT_RULES);
    json_key(w, "lb");
    json_object_begin(w);
    put_lb(w);
    json_object_end(w);
    for (size_t i = 0; i < key_table_size; i++) {
        const char *section = key_table[i].section;
        bool claim = strcmp(section, "claim") == 0;
        bool first = i == 0 || strcmp(key_table[i - 1].section, section) != 0;
        if (!first || strcmp(section, "scenario") == 0 || strcmp(section, "balancer") == 0) {
            continue;
        }
        json_key(w, section);
        json_object_begin(w);
        if (claim) {
            json_key(w, "anyOf");
            json_array_begin(w);
            json_object_begin(w);
            put_shape(w, STR("expression"));
            json_object_end(w);
            json_object_begin(w);
        }
        put_section(w, section);
        if (claim) {
            json_object_end(w);
            json_array_end(w);
        }
        json_object_end(w);
    }
}

/* What a file that stands alone must have. */
static void put_alone(struct json_writer *w)
{
    json_key(w, "if");
    json_put_raw(w, STR("{\"not\":{\"anyOf\":[{\"required\":[\"extends\"]},{\"required\":[\"matrix\"]}]}}"));
    json_key(w, "then");
    json_object_begin(w);
    put_required(w, "scenario");
    json_key(w, "properties");
    json_object_begin(w);
    json_key(w, "load");
    json_object_begin(w);
    json_key(w, "additionalProperties");
    json_object_begin(w);
    put_required(w, "load");
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
}

void scenario_schema(struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 2);
    json_object_begin(&w);
    json_pair_text(&w, "$schema", DRAFT);
    json_pair_text(&w, "title", TITLE);
    put_section(&w, "scenario");
    put_alone(&w);
    json_key(&w, "$defs");
    json_object_begin(&w);
    put_definitions(&w);
    json_object_end(&w);
    json_object_end(&w);
    buf_append_char(out, '\n');
}
