/* The containers of the reader: structs, maps, lists, the path and the error.
 *
 * What happens on an error inside a container is copied from serde_json: the container still tries
 * to close itself (which may take one more byte) before an error that has no position is given the
 * place reached.  That is why `{"a":null}` is refused at the column behind the brace, and
 * `{"a":null,"b":1}` at the column behind the null. */
#include "mockchroma/core/serde_internal.h"
#include "base/check.h"

void serde_init(struct serde *s, struct arena *arena, struct str text)
{
    s->arena = arena;
    s->data = text.data;
    s->size = text.size;
    s->at = 0;
    s->path_count = 0;
    s->failed = false;
    s->is_data = false;
    s->positioned = false;
    s->error_at = 0;
    s->error_path_count = 0;
    buf_init(&s->message, (size_t)64 * 1024 * 1024);
}

void serde_deinit(struct serde *s)
{
    buf_deinit(&s->message);
}

static void append_path(const struct serde *s, struct buf *out)
{
    for (size_t i = 0; i < s->error_path_count; i++) {
        const struct serde_step *step = &s->path[i];
        if (step->key.data == NULL) {
            buf_printf(out, "[%zu]", step->index);
        } else {
            buf_append_text(out, i == 0 ? "" : ".");
            buf_append_str(out, step->key);
        }
    }
    if (s->error_path_count > 0) {
        buf_append_text(out, ": ");
    }
}

void serde_error_text(struct serde *s, struct buf *out)
{
    size_t line = 1;
    size_t column = 0;
    for (size_t i = 0; i < s->error_at && i < s->size; i++) {
        column++;
        if (s->data[i] == '\n') {
            line++;
            column = 0;
        }
    }
    append_path(s, out);
    buf_append_str(out, buf_str(&s->message));
    buf_printf(out, " at line %zu column %zu", line, column);
}

int serde_peek(struct serde *s)
{
    while (s->at < s->size) {
        char c = s->data[s->at];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
            return (unsigned char)c;
        }
        s->at++;
    }
    return -1;
}

void serde_note_syntax(struct serde *s, const char *text, size_t position)
{
    if (!s->failed) {
        s->failed = true;
        s->is_data = false;
        s->positioned = true;
        s->error_at = position < s->size ? position : s->size;
        s->error_path_count = s->path_count;
        buf_append_text(&s->message, text);
    }
}

bool serde_fail_data(struct serde *s, const char *format, ...)
{
    if (!s->failed) {
        va_list args;
        s->failed = true;
        s->is_data = true;
        s->positioned = false;
        s->error_path_count = s->path_count;
        va_start(args, format);
        buf_vprintf(&s->message, format, args);
        va_end(args);
    }
    return false;
}

void serde_fix_position(struct serde *s)
{
    if (s->failed && !s->positioned) {
        s->positioned = true;
        s->error_at = s->at;
    }
}

bool serde_enter(struct serde *s)
{
    /* Every container that is open has put one step on the path. */
    if (s->path_count + 1 >= SERDE_DEPTH) {
        return serde_fail_peeked(s, "recursion limit exceeded");
    }
    s->at++;
    return true;
}

void serde_push(struct serde *s, struct str key, size_t index)
{
    CHECK(s->path_count < SERDE_DEPTH);
    s->path[s->path_count].key = key;
    s->path[s->path_count].index = index;
    s->path_count++;
}

void serde_pop(struct serde *s)
{
    CHECK(s->path_count > 0);
    s->path_count--;
}

/* What serde_json's end_map and end_seq take of the input when something inside has failed. */
static void close_after_failure(struct serde *s, int closer)
{
    if (!s->failed || s->positioned) {
        return;
    }
    int c = serde_peek(s);
    if (c == closer) {
        s->at++;
    } else if (c == ',' && closer == ']') {
        s->at++;
        (void)serde_peek(s);
    }
    serde_fix_position(s);
}

static void pop_value(struct serde *s, bool *value_open)
{
    if (*value_open) {
        serde_pop(s);
        *value_open = false;
    }
}

/* Positions the scanner on the next key's quote; false at the closing brace or on a failure. */
static bool next_key(struct serde *s, bool *first)
{
    int c = serde_peek(s);
    if (c == '}') {
        return false;
    }
    if (c < 0) {
        return serde_fail_peeked(s, "EOF while parsing an object");
    }
    if (c == ',' && !*first) {
        s->at++;
        c = serde_peek(s);
        if (c == '"') {
            return true;
        }
        return serde_fail_peeked(s, c == '}' ? "trailing comma"
                                    : c < 0  ? "EOF while parsing a value"
                                             : "key must be a string");
    }
    if (!*first) {
        return serde_fail_peeked(s, "expected `,` or `}`");
    }
    *first = false;
    return c == '"' || serde_fail_peeked(s, "key must be a string");
}

static bool colon(struct serde *s)
{
    int c = serde_peek(s);
    if (c == ':') {
        s->at++;
        return true;
    }
    return serde_fail_peeked(s, c < 0 ? "EOF while parsing an object" : "expected `:`");
}

bool serde_map_begin(struct serde *s, struct serde_walk *w)
{
    w->first = true;
    w->value_open = false;
    w->index = 0;
    if (s->failed) {
        return false;
    }
    CHECK(serde_peek(s) == '{');
    return serde_enter(s);
}

/* A key that cannot be read is `?` in the path. */
static bool read_key(struct serde *s, bool *first, struct str *key)
{
    if (next_key(s, first) && serde_string(s, key)) {
        return true;
    }
    if (s->failed && s->path_count > 0 && s->path_count < SERDE_DEPTH &&
        s->error_path_count == s->path_count) {
        s->path[s->path_count].key = STR("?");
        s->error_path_count++;
    }
    return false;
}

bool serde_map_key(struct serde *s, struct serde_walk *w, struct str *key)
{
    if (!s->failed) {
        pop_value(s, &w->value_open);
        if (read_key(s, &w->first, key)) {
            return true;
        }
    }
    close_after_failure(s, '}');
    return false;
}

bool serde_map_colon(struct serde *s, struct serde_walk *w, struct str key)
{
    if (!s->failed && colon(s)) {
        serde_push(s, key, 0);
        w->value_open = true;
        return true;
    }
    close_after_failure(s, '}');
    return false;
}

bool serde_map_next(struct serde *s, struct serde_walk *w, struct str *key)
{
    return serde_map_key(s, w, key) && serde_map_colon(s, w, *key);
}

bool serde_map_end(struct serde *s, struct serde_walk *w)
{
    (void)w;
    if (s->failed) {
        close_after_failure(s, '}');
        return false;
    }
    CHECK(serde_peek(s) == '}');
    s->at++;
    return true;
}

bool serde_seq_begin(struct serde *s, struct serde_walk *w)
{
    w->first = true;
    w->value_open = false;
    w->index = 0;
    if (s->failed) {
        return false;
    }
    CHECK(serde_peek(s) == '[');
    return serde_enter(s);
}

static bool next_element(struct serde *s, bool *first)
{
    int c = serde_peek(s);
    if (c == ']') {
        return false;
    }
    if (c < 0) {
        return serde_fail_peeked(s, "EOF while parsing a list");
    }
    if (*first) {
        *first = false;
        return true;
    }
    if (c != ',') {
        return serde_fail_peeked(s, "expected `,` or `]`");
    }
    s->at++;
    c = serde_peek(s);
    if (c == ']') {
        return serde_fail_peeked(s, "trailing comma");
    }
    return c >= 0 || serde_fail_peeked(s, "EOF while parsing a value");
}

bool serde_seq_next(struct serde *s, struct serde_walk *w)
{
    if (!s->failed) {
        if (w->value_open) {
            serde_pop(s);
            w->value_open = false;
            w->index++;
        }
        if (next_element(s, &w->first)) {
            serde_push(s, str_make(NULL, 0), w->index);
            w->value_open = true;
            return true;
        }
    }
    close_after_failure(s, ']');
    return false;
}

bool serde_seq_end(struct serde *s, struct serde_walk *w)
{
    (void)w;
    if (s->failed) {
        close_after_failure(s, ']');
        return false;
    }
    CHECK(serde_peek(s) == ']');
    s->at++;
    return true;
}

bool serde_struct_begin(struct serde *s, struct serde_struct *st)
{
    CHECK(st->field_count <= SERDE_FIELDS_MAX);
    st->first = true;
    st->next = 0;
    st->seen = 0;
    st->repeated = 0;
    st->value_open = false;
    st->in_array = false;
    if (s->failed) {
        return false;
    }
    int c = serde_peek(s);
    if (c == '{' || (c == '[' && !st->flatten)) {
        st->in_array = c == '[';
        return serde_enter(s);
    }
    return serde_fail_type(s, st->name);
}

static int field_index(const struct serde_struct *st, struct str key)
{
    for (size_t i = 0; i < st->field_count; i++) {
        if (str_equal(key, str_of(st->fields[i]))) {
            return (int)i;
        }
    }
    return -1;
}

void serde_name_choices(struct serde *s, const char *const *names, size_t count)
{
    buf_append_text(&s->message, count > 2 ? "one of " : "");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&s->message, "%s`%s`", i == 0 ? "" : count == 2 ? " or " : ", ", names[i]);
    }
}

static bool fail_unknown_field(struct serde *s, const struct serde_struct *st, struct str key)
{
    serde_push(s, key, 0);
    serde_fail_data(s, "unknown field `%.*s`, expected ", STR_ARGS(key));
    serde_name_choices(s, st->fields, st->field_count);
    return false;
}

/* -2: an unknown field, skipped. */
static int map_field(struct serde *s, struct serde_struct *st)
{
    struct str key;
    if (!(st->flatten ? next_key(s, &st->first) && serde_string(s, &key) : read_key(s, &st->first, &key))) {
        return -1;
    }
    int index = field_index(st, key);
    if (index >= 0 && (st->seen & st->late & (UINT32_C(1) << index)) != 0) {
        st->repeated |= UINT32_C(1) << index;
        index = -1;
    } else if (index >= 0 && (st->seen & (UINT32_C(1) << index)) != 0) {
        serde_fail_data(s, "duplicate field `%s`", st->fields[index]);
        return -1;
    }
    if (index < 0 && st->deny_unknown) {
        fail_unknown_field(s, st, key);
        return -1;
    }
    if (!colon(s)) {
        return -1;
    }
    serde_push(s, key, 0);
    st->value_open = true;
    if (index >= 0) {
        st->seen |= UINT32_C(1) << index;
        return index;
    }
    /* What may belong to a flattened part is read as a value; the rest is only run over. */
    struct value ignored;
    return (st->flatten ? serde_value(s, &ignored) : serde_skip(s)) ? -2 : -1;
}

static int array_field(struct serde *s, struct serde_struct *st)
{
    if (st->next == st->field_count || !next_element(s, &st->first)) {
        return -1;
    }
    serde_push(s, str_make(NULL, 0), st->next);
    st->value_open = true;
    CHECK(st->next < SERDE_FIELDS_MAX);
    st->seen |= UINT32_C(1) << st->next;
    return (int)st->next++;
}

int serde_struct_next(struct serde *s, struct serde_struct *st)
{
    int index = -2;
    while (!s->failed && index == -2) {
        pop_value(s, &st->value_open);
        index = st->in_array ? array_field(s, st) : map_field(s, st);
    }
    close_after_failure(s, st->in_array ? ']' : '}');
    return s->failed ? -1 : index;
}

/* All fields have been read: nothing may stand before the bracket. */
static void check_array_end(struct serde *s)
{
    int c = serde_peek(s);
    if (c == ',') {
        s->at++;
        c = serde_peek(s) == ']' ? ',' : 0;
    }
    if (c != ']') {
        serde_fail_peeked(s, c == ',' ? "trailing comma"
                             : c < 0  ? "EOF while parsing a list"
                                      : "trailing characters");
    }
}

bool serde_struct_end(struct serde *s, struct serde_struct *st, uint32_t required)
{
    if (!s->failed && st->in_array) {
        if (st->next < st->field_count) {
            serde_fail_data(s, "invalid length %zu, expected %s with %zu element%s", st->next, st->name,
                            st->field_count, st->field_count == 1 ? "" : "s");
        } else {
            check_array_end(s);
        }
    }
    for (size_t i = 0; !s->failed && !st->in_array && i < st->field_count; i++) {
        if ((required & (UINT32_C(1) << i)) != 0 && (st->seen & (UINT32_C(1) << i)) == 0) {
            serde_fail_data(s, "missing field `%s`", st->fields[i]);
        }
    }
    for (size_t i = 0; !s->failed && i < st->field_count; i++) {
        if ((st->repeated & (UINT32_C(1) << i)) != 0) {
            serde_fail_data(s, "duplicate field `%s`", st->fields[i]);
        }
    }
    if (s->failed) {
        close_after_failure(s, st->in_array ? ']' : '}');
        return false;
    }
    s->at++;
    return true;
}
