/* The one table of the scenario language: every key of every section, what it takes and what it means.
 * Parsing, unknown-key suggestions, docs/scenarios.md's reference and the schema come from it, so that a
 * key that is documented is read, and a key that is read is documented.  Private to harness/scenario, and to
 * harness/target, whose files are read by rows of the same kind. */
#ifndef WALDRILL_HARNESS_SCENARIO_KEYS_H
#define WALDRILL_HARNESS_SCENARIO_KEYS_H

#include "harness/scenario/reading.h"

enum key_type {
    KEY_TEXT,     /* char * */
    KEY_NAME,     /* char *; letters, digits, - and _ */
    KEY_DURATION, /* uint64_t, nanoseconds */
    KEY_SIZE,     /* uint64_t, bytes */
    KEY_RATE,     /* double, per second */
    KEY_COUNT,    /* uint32_t or uint64_t */
    KEY_IDS,      /* char *: a list of ids, a blank between them */
    KEY_CHOICE,   /* one of choices; nothing is stored unless read does it */
    KEY_OTHER,    /* read does it */
    KEY_PASSED,   /* goes on to the mock's fault document as it stands */
};

typedef void key_reader(struct reading *r, const struct yaml_node *node, void *target);

struct key_row {
    const char *section;
    const char *key;
    enum key_type type;
    bool required;
    size_t offset; /* plain types: where in the section's struct */
    size_t size;
    double low, high;    /* bounds of a number, in base units */
    const char *choices; /* "virtual|real" */
    const char *shape;   /* KEY_OTHER: of the value, for the schema (schema.c) */
    const char *value;   /* how a value looks, for the manual */
    const char *meaning;
    key_reader *read;
};

extern const struct key_row key_table[];
extern const size_t key_table_size;

/* Reads a map's keys into target by the rows of a section, in the table's order.  title names the thing in
 * messages ("fault \"primary-off\"").  With passes, keys that the table does not know are left to the
 * caller. */
void keys_read(struct reading *r, const char *section, const char *title, const struct yaml_node *map,
               void *target, bool passes);
const struct key_row *keys_find(const char *section, struct str key);

/* The table of a section's keys for a manual, in Markdown. */
struct buf;
void reference_rows(struct buf *out, const struct key_row *rows, size_t count, const char *section);

/* The setting's name in lower case; false when it is the engine's business and no scenario may give it. */
struct settings_row;
bool lb_setting_name(const struct settings_row *row, char *out, size_t size);
/* 'did you mean "wal_mode"?' for a name that is neither a setting nor a key of topology.lb; "" if none is
 * near. */
void lb_setting_hint(const char *wrong, char *out, size_t size);

/* One value of a plain type, outside of a section (share of a mix, setting of a fault). */
bool keys_read_duration(struct reading *r, const struct yaml_node *node, const char *key, uint64_t *out);
bool keys_read_size(struct reading *r, const struct yaml_node *node, const char *key, uint64_t *out);
bool keys_read_rate(struct reading *r, const struct yaml_node *node, const char *key, double *out);
bool keys_read_share(struct reading *r, const struct yaml_node *node, const char *key, double *out);
bool keys_read_choice(struct reading *r, const struct yaml_node *node, const char *key, const char *choices,
                      size_t *index);

#endif
