/* Values of any shape, and enums.
 *
 * A value of any shape becomes a tree in the arena, as the real server buffers what it can only judge when it
 * has seen all of it.  Fails by serde_fail_*. */
#include "mockchroma/core/serde_internal.h"
#include "base/json_writer.h"
#include "mockchroma/core/meta.h"

bool serde_variant(struct serde *s, const char *const *names, size_t count, size_t *out)
{
    struct str name;
    if (s->failed) {
        return false;
    }
    if (serde_peek(s) != '"') {
        return serde_fail_type(s, "variant identifier");
    }
    if (!serde_string(s, &name)) {
        return false;
    }
    for (*out = 0; *out < count; (*out)++) {
        if (str_equal(name, str_of(names[*out]))) {
            return true;
        }
    }
    serde_fail_data(s, "unknown variant `%.*s`, expected ", STR_ARGS(name));
    serde_name_choices(s, names, count);
    serde_fix_position(s);
    return false;
}

/* The contents of a variant that has none, and the end of the object that named it. */
static bool unit_contents(struct serde *s, const char *name)
{
    if (serde_peek(s) != ':') {
        return serde_fail_peeked(s, serde_peek(s) < 0 ? "EOF while parsing an object" : "expected `:`");
    }
    s->at++;
    serde_push(s, str_of(name), 0);
    if (!serde_null(s)) {
        return !s->failed && serde_fail_type(s, "unit");
    }
    serde_pop(s);
    int c = serde_peek(s);
    if (c != '}') {
        return serde_fail_syntax(s, c < 0 ? "EOF while parsing an object" : "expected value", s->at);
    }
    s->at++;
    return true;
}

bool serde_enum(struct serde *s, const char *const *names, size_t count, size_t *out)
{
    if (s->failed) {
        return false;
    }
    int c = serde_peek(s);
    if (c == '{') {
        return serde_enter(s) && serde_variant(s, names, count, out) && unit_contents(s, names[*out]);
    }
    if (c != '"') {
        return serde_fail_at_value(s);
    }
    return serde_variant(s, names, count, out);
}

/* Repeated keys of a small object replace each other; of a huge one they stay side by side, so that
 * a hostile body cannot make this quadratic.  No field Chroma knows has that many keys. */
#define MAP_KEYS_COMPARED 256

static bool list_value(struct serde *s, struct value *out)
{
    struct serde_walk w;
    size_t capacity = 0;
    void *items = NULL;
    out->kind = VALUE_LIST;
    (void)serde_seq_begin(s, &w);
    while (serde_seq_next(s, &w)) {
        arena_grow(s->arena, &items, &capacity, out->count, sizeof(struct value));
        struct value *item = (struct value *)items + out->count++;
        (void)serde_value(s, item);
    }
    out->items = items;
    return serde_seq_end(s, &w);
}

static bool map_value(struct serde *s, struct value *out)
{
    struct serde_walk w;
    struct str key;
    size_t count = 0;
    size_t item_capacity = 0;
    size_t key_capacity = 0;
    void *items = NULL;
    void *keys = NULL;
    out->kind = VALUE_MAP;
    (void)serde_map_begin(s, &w);
    while (serde_map_next(s, &w, &key)) {
        size_t at = count >= MAP_KEYS_COMPARED ? count : 0;
        while (at < count && !str_equal(((struct str *)keys)[at], key)) {
            at++;
        }
        arena_grow(s->arena, &items, &item_capacity, count, sizeof(struct value));
        arena_grow(s->arena, &keys, &key_capacity, count, sizeof(struct str));
        ((struct str *)keys)[at] = key;
        count += at == count ? 1 : 0;
        (void)serde_value(s, (struct value *)items + at);
    }
    out->items = items;
    out->keys = keys;
    out->count = count;
    return serde_map_end(s, &w);
}

bool serde_value(struct serde *s, struct value *out)
{
    memset(out, 0, sizeof(*out));
    if (s->failed) {
        return false;
    }
    int c = serde_peek(s);
    size_t start = s->at;
    bool good = true;
    if (c == '{') {
        good = map_value(s, out);
    } else if (c == '[') {
        good = list_value(s, out);
    } else if (c == '"') {
        out->kind = VALUE_STRING;
        good = serde_string(s, &out->string);
    } else if (c == 't' || c == 'f') {
        out->kind = VALUE_BOOL;
        good = serde_bool(s, &out->boolean);
    } else if (c == 'n') {
        good = serde_null(s);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        out->kind = VALUE_NUMBER;
        good = serde_number(s, &out->number);
    } else {
        good = serde_fail_at_value(s);
    }
    out->text = str_make(s->data + start, s->at - start);
    return good;
}

static void write_number(const struct serde_number *n, struct json_writer *w)
{
    if (n->kind == SERDE_U64) {
        json_put_u64(w, n->u);
    } else if (n->kind == SERDE_I64) {
        json_put_i64(w, n->i);
    } else {
        meta_write_double(w, n->f);
    }
}

/* A writer for each scalar: one that knows where it is holds fewer levels than a document may have. */
void serde_value_write(const struct value *v, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    switch (v->kind) {
        case VALUE_NULL:
            json_put_null(&w);
            return;
        case VALUE_BOOL:
            json_put_bool(&w, v->boolean);
            return;
        case VALUE_NUMBER:
            write_number(&v->number, &w);
            return;
        case VALUE_STRING:
            json_put_str(&w, v->string);
            return;
        case VALUE_LIST:
        case VALUE_MAP:
            break;
    }
    buf_append_char(out, v->kind == VALUE_LIST ? '[' : '{');
    for (size_t i = 0; i < v->count; i++) {
        buf_append_text(out, i == 0 ? "" : ",");
        if (v->kind == VALUE_MAP) {
            json_writer_init(&w, out, 0);
            json_put_str(&w, v->keys[i]);
            buf_append_char(out, ':');
        }
        serde_value_write(&v->items[i], out);
    }
    buf_append_char(out, v->kind == VALUE_LIST ? ']' : '}');
}

void serde_value_name(const struct value *v, struct buf *out)
{
    static const char *const names[] = {
        [VALUE_NULL] = "null", [VALUE_LIST] = "sequence", [VALUE_MAP] = "map"
    };
    if (v->kind == VALUE_NUMBER) {
        serde_number_name(&v->number, out);
    } else if (v->kind == VALUE_STRING) {
        buf_append_text(out, "string ");
        serde_debug_string(v->string, out);
    } else if (v->kind == VALUE_BOOL) {
        buf_append_text(out, v->boolean ? "boolean `true`" : "boolean `false`");
    } else {
        buf_append_text(out, names[v->kind]);
    }
}
