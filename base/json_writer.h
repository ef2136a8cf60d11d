/* Writes JSON into a buf: commas, escapes and nesting are its business; the order of keys is the
 * caller's.  Numbers are written so that they read back exactly.  Used for everything we emit; for
 * reading documents off the data path use jansson, for scanning request bodies json_scan.h. */
#ifndef WALDRILL_BASE_JSON_WRITER_H
#define WALDRILL_BASE_JSON_WRITER_H

#include "base/buf.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

#define JSON_WRITER_DEPTH 32

struct json_writer {
    struct buf *out;
    unsigned depth;
    bool first[JSON_WRITER_DEPTH];
    bool after_key;
    unsigned indent; /* spaces per level; 0 = compact */
};

void json_writer_init(struct json_writer *w, struct buf *out, unsigned indent);
void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_str(struct json_writer *w, struct str key);
void json_put_str(struct json_writer *w, struct str value);   /* bytes that are not UTF-8 become U+FFFD */
void json_put_text(struct json_writer *w, const char *value); /* NULL gives null */
void json_put_u64(struct json_writer *w, uint64_t value);
void json_put_i64(struct json_writer *w, int64_t value);
void json_put_double(struct json_writer *w, double value); /* shortest that reads back; not finite: null */
void json_put_fixed(struct json_writer *w, double value, int decimals);
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct str json); /* already JSON */
/* key and value in one */
void json_pair_text(struct json_writer *w, const char *key, const char *value);
void json_pair_str(struct json_writer *w, const char *key, struct str value);
void json_pair_u64(struct json_writer *w, const char *key, uint64_t value);
void json_pair_i64(struct json_writer *w, const char *key, int64_t value);
void json_pair_double(struct json_writer *w, const char *key, double value);
void json_pair_bool(struct json_writer *w, const char *key, bool value);
void json_pair_null(struct json_writer *w, const char *key);

#endif
