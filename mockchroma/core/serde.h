/* Reads request bodies the way the real server does, so that it also refuses them the way the real
 * server does: Chroma is written in Rust and hands the client the messages of serde_json, with the
 * path of the field (serde_path_to_error) and line and column.
 *
 * The reader pulls: the caller says which type it expects next.  The first failure is kept and all
 * later calls fail at once.  Two categories: syntax (answered 400) and data (answered 422).  An
 * error raised by a type rather than by the scanner has no position of its own; it gets the place
 * the scanner has reached once the innermost container is closed, as in serde_json. */
#ifndef WALDRILL_MOCKCHROMA_CORE_SERDE_H
#define WALDRILL_MOCKCHROMA_CORE_SERDE_H

#include "base/buf.h"
#include "base/str.h"
#include "mockchroma/core/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERDE_DEPTH      128
#define SERDE_FIELDS_MAX 32 /* of one struct: seen has a bit for each */

struct serde_step {
    struct str key; /* data NULL: an index */
    size_t index;
};

struct serde {
    struct arena *arena; /* decoded strings live here */
    const char *data;
    size_t size;
    size_t at;
    struct serde_step path[SERDE_DEPTH + 4];
    size_t path_count;
    bool failed;
    bool is_data; /* 422, not 400 */
    bool positioned;
    size_t error_at; /* position: bytes before it */
    size_t error_path_count;
    struct buf message; /* without path and position */
};

void serde_init(struct serde *s, struct arena *arena, struct str text);
void serde_deinit(struct serde *s);
/* "ids[0]: invalid type: ... at line 1 column 9" */
void serde_error_text(struct serde *s, struct buf *out);

/* Next byte that is not blank, not consumed; -1 at the end. */
int serde_peek(struct serde *s);
/* Data error without position: the innermost container gives it one. */
bool serde_fail_data(struct serde *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "invalid type: integer `5`, expected struct Foo"; consumes the offending scalar. */
bool serde_fail_type(struct serde *s, const char *expected);

/* Structs: names in the order of declaration.  Loop with serde_struct_next until it gives -1. */
struct serde_struct {
    const char *name; /* "struct AddCollectionRecordsPayload" */
    const char *const *fields;
    size_t field_count;
    bool flatten; /* a map only; no array of fields in order */
    bool deny_unknown;
    bool in_array;
    bool first;
    size_t next;   /* in_array */
    uint32_t late; /* fields of a flattened part: a second one is noticed only at the end */
    uint32_t repeated;
    uint32_t seen;   /* bit per field */
    bool value_open; /* a value was handed out: pop its path on the next call */
};
bool serde_struct_begin(struct serde *s, struct serde_struct *st);
int serde_struct_next(struct serde *s, struct serde_struct *st);
/* Closes it; required is a bit mask of fields that must have been seen. */
bool serde_struct_end(struct serde *s, struct serde_struct *st, uint32_t required);

/* Maps and lists with any content. */
struct serde_walk {
    bool first;
    bool value_open;
    size_t index;
};
bool serde_map_begin(struct serde *s, struct serde_walk *w); /* fails unless at '{' */
bool serde_map_next(struct serde *s, struct serde_walk *w, struct str *key);
/* serde_map_next in two steps, for a reader that may refuse the key. */
bool serde_map_key(struct serde *s, struct serde_walk *w, struct str *key);
bool serde_map_colon(struct serde *s, struct serde_walk *w, struct str key);
bool serde_map_end(struct serde *s, struct serde_walk *w);
bool serde_seq_begin(struct serde *s, struct serde_walk *w); /* fails unless at '[' */
bool serde_seq_next(struct serde *s, struct serde_walk *w);
bool serde_seq_end(struct serde *s, struct serde_walk *w);

bool serde_null(struct serde *s); /* consumes a null if there is one; false otherwise or on failure */
bool serde_string(struct serde *s, struct str *out);
bool serde_bool(struct serde *s, bool *out);
bool serde_u32(struct serde *s, uint32_t *out);
bool serde_usize(struct serde *s, uint64_t *out);
bool serde_f64(struct serde *s, double *out);
/* One of count names as a string; *out is its index. */
bool serde_variant(struct serde *s, const char *const *names, size_t count, size_t *out);
/* The same, or as `{"name":null}`: an enum of which no variant has contents. */
bool serde_enum(struct serde *s, const char *const *names, size_t count, size_t *out);
bool serde_skip(struct serde *s); /* any value */

struct serde_number {
    enum { SERDE_U64, SERDE_I64, SERDE_F64 } kind;
    uint64_t u;
    int64_t i;
    double f;
};
bool serde_number(struct serde *s, struct serde_number *out); /* at '-' or a digit */
double serde_number_double(const struct serde_number *n);
/* What becomes of a finite double that is written as JSON and read again; one that would be too large stays.
 */
double serde_number_reread(double value);
/* "integer `5`", "floating point `1.5`": how an unexpected number is named. */
void serde_number_name(const struct serde_number *n, struct buf *out);

/* Any value as a tree in the arena. */
enum value_kind { VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_STRING, VALUE_LIST, VALUE_MAP };
struct value {
    enum value_kind kind;
    bool boolean;
    struct serde_number number;
    struct str string;
    struct value *items; /* list elements or map values */
    struct str *keys;    /* map */
    size_t count;
    struct str text; /* as it stood in the document */
};
bool serde_value(struct serde *s, struct value *out);
/* As JSON without blanks. */
void serde_value_write(const struct value *v, struct buf *out);
/* "integer `5`", "map": how an unexpected value is named. */
void serde_value_name(const struct value *v, struct buf *out);

#endif
