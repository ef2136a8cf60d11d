/* Looks into a JSON document without building a tree: jansson needs 150 us for one 8 KB record,
 * five times a whole proxied request.  The scan checks the syntax and reports the extents of the
 * top-level object's members; it never allocates. */
#ifndef WALDRILL_BASE_JSON_SCAN_H
#define WALDRILL_BASE_JSON_SCAN_H

#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>

#define JSON_SCAN_MEMBERS 16
#define JSON_SCAN_DEPTH   128

enum json_kind {
    JSON_NULL_VALUE,
    JSON_BOOL_VALUE,
    JSON_NUMBER_VALUE,
    JSON_STRING_VALUE,
    JSON_ARRAY_VALUE,
    JSON_OBJECT_VALUE
};

struct json_member {
    struct str key;   /* between the quotes, raw */
    struct str value; /* the value's text, raw, quotes or brackets included */
    enum json_kind kind;
    size_t elements; /* of an array: its length */
};

struct json_scan {
    struct json_member members[JSON_SCAN_MEMBERS];
    size_t count;
    bool is_object;
    bool escaped_key;  /* some key holds a backslash */
    bool repeated_key; /* among those kept */
    bool too_many;     /* more members than fit; the rest was checked but not kept */
    bool nested;       /* some member, kept or not, is an array or an object */
    bool null_member;  /* some member, kept or not, is null */
    size_t trailing;   /* bytes after the value that are not blanks (Chroma ignores them) */
};

/* Returns 0, or ERR_SYNTAX when text does not begin with one valid JSON value. */
int json_scan(struct str text, struct json_scan *out);
/* The member of that name, or NULL. */
const struct json_member *json_scan_find(const struct json_scan *scan, const char *key);
const struct json_member *json_scan_find_str(const struct json_scan *scan, struct str key);
/* Walks the elements of an array's text: *at starts at 0; false at the end. */
bool json_scan_next(struct str array, size_t *at, struct str *element, enum json_kind *kind);
/* The same for the members of an object's text, however many. */
bool json_scan_next_member(struct str object, size_t *at, struct json_member *member);
/* How many leading bytes, counted in eights, are sure to be plain text inside a JSON string: ASCII, no
 * quote, backslash or control.  Embeddings and documents are long; most of a body is such. */
size_t json_plain_run(struct str text);
/* Decodes a JSON string's text (with quotes) into out, terminated (size counts that byte too); false
 * when it does not fit or is no string. */
bool json_scan_decode(struct str text, char *out, size_t size, size_t *length);

#endif
