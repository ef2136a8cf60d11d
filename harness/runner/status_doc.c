#include "harness/runner/status_doc.h"

#include "base/memory.h"
#include <string.h>

#define STATUS_DEPTH 8   /* deeper values stand between the places */
#define STATUS_KEYS  256 /* of one object */

/* ---- laid over the one before ---- */

static bool status_digits(struct str s, size_t *at)
{
    size_t start = *at;
    while (*at < s.size && s.data[*at] >= '0' && s.data[*at] <= '9') {
        (*at)++;
    }
    return *at > start;
}

static bool status_is(struct str s, size_t at, const char *one_of)
{
    return at < s.size && s.data[at] != '\0' && strchr(one_of, s.data[at]) != NULL;
}

static bool status_number(struct str s, size_t *at)
{
    *at += s.data[*at] == '-' ? 1 : 0;
    bool zero = status_is(s, *at, "0");
    size_t start = *at;
    if (!status_digits(s, at) || (zero && *at > start + 1)) {
        return false;
    }
    if (status_is(s, *at, ".")) {
        (*at)++;
        if (!status_digits(s, at)) {
            return false;
        }
    }
    if (status_is(s, *at, "eE")) {
        (*at)++;
        *at += status_is(s, *at, "+-") ? 1 : 0;
        return status_digits(s, at);
    }
    return true;
}

/* Plain words only: what has escapes or other letters is left to the reader that knows them. */
static bool status_string(struct str s, size_t *at)
{
    for ((*at)++; *at < s.size; (*at)++) {
        unsigned char c = (unsigned char)s.data[*at];
        if (c == '"') {
            (*at)++;
            return true;
        }
        if (c < 0x20 || c >= 0x80 || c == '\\') {
            return false;
        }
    }
    return false;
}

static bool status_word(struct str s, size_t *at, struct str word)
{
    if (!str_starts(str_make(s.data + *at, s.size - *at), word)) {
        return false;
    }
    *at += word.size;
    return true;
}

static bool status_scalar(struct str s, size_t *at, enum json_kind *kind)
{
    if (*at == s.size) {
        return false;
    }
    switch (s.data[*at]) {
        case '"':
            *kind = JSON_STRING_VALUE;
            return status_string(s, at);
        case 't':
            *kind = JSON_BOOL_VALUE;
            return status_word(s, at, STR("true"));
        case 'f':
            *kind = JSON_BOOL_VALUE;
            return status_word(s, at, STR("false"));
        case 'n':
            *kind = JSON_NULL_VALUE;
            return status_word(s, at, STR("null"));
        default:
            *kind = JSON_NUMBER_VALUE;
            return status_number(s, at);
    }
}

static bool status_is_scalar(const struct status_place *p)
{
    return p->kind != JSON_OBJECT_VALUE && p->kind != JSON_ARRAY_VALUE;
}

static bool status_follows(struct status_doc *d, struct str document)
{
    size_t before = 0;
    size_t at = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct status_place *p = &d->places[i];
        if (!status_is_scalar(p)) {
            continue;
        }
        size_t between = p->at - before;
        if (document.size - at < between || memcmp(document.data + at, d->text + before, between) != 0) {
            return false;
        }
        at += between;
        size_t start = at;
        if (!status_scalar(document, &at, &p->kind)) {
            return false;
        }
        p->value = str_make(document.data + start, at - start);
        before = p->at + p->size;
    }
    return document.size - at == d->size - before &&
           memcmp(document.data + at, d->text + before, d->size - before) == 0;
}

/* ---- taken apart ---- */

struct status_walk {
    struct status_doc *doc;
    struct str document;
    struct buf path;
    bool doubled;
};

static void status_forget(struct status_doc *d)
{
    for (size_t i = 0; i < d->count; i++) {
        mem_free(d->places[i].path);
    }
    mem_free(d->text);
    d->text = NULL;
    d->size = 0;
    d->count = 0;
}

static void status_add(struct status_walk *w, enum json_kind kind, struct str value)
{
    struct status_doc *d = w->doc;
    if (d->count == d->capacity) {
        d->capacity = d->capacity == 0 ? 128 : 2 * d->capacity;
        d->places = mem_realloc(d->places, d->capacity * sizeof(*d->places));
    }
    struct status_place *p = &d->places[d->count++];
    *p = (struct status_place){ .path = mem_strdup(buf_text(&w->path)), .kind = kind };
    p->at = (size_t)(value.data - w->document.data);
    p->size = value.size;
    p->value = status_is_scalar(p) ? value : STR("");
}

static void status_walk_object(struct status_walk *w, struct str object, unsigned depth, bool named);

/* What has no name stands between the places. */
static void status_walk_list(struct status_walk *w, struct str list, unsigned depth)
{
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    size_t length = w->path.size;
    while (json_scan_next(list, &at, &element, &kind)) {
        struct json_member member;
        size_t in_element = 0;
        bool named = false;
        while (kind == JSON_OBJECT_VALUE && !named && json_scan_next_member(element, &in_element, &member)) {
            named = str_equal(member.key, STR("name")) && member.kind == JSON_STRING_VALUE;
        }
        if (named) {
            buf_append_char(&w->path, '.');
            buf_append(&w->path, member.value.data + 1, member.value.size - 2);
            status_add(w, kind, element);
            status_walk_object(w, element, depth + 1, true);
            w->path.size = length;
        }
    }
}

static void status_walk_member(struct status_walk *w, const struct json_member *m, unsigned depth)
{
    size_t length = w->path.size;
    buf_append_text(&w->path, length == 0 ? "" : ".");
    buf_append_str(&w->path, m->key);
    status_add(w, m->kind, m->value);
    if (m->kind == JSON_OBJECT_VALUE && depth < STATUS_DEPTH) {
        status_walk_object(w, m->value, depth + 1, false);
    } else if (m->kind == JSON_ARRAY_VALUE && depth < STATUS_DEPTH) {
        status_walk_list(w, m->value, depth + 1);
    }
    w->path.size = length;
}

/* named: an element that was found by its name, which must not change. */
static void status_walk_object(struct status_walk *w, struct str object, unsigned depth, bool named)
{
    struct str keys[STATUS_KEYS];
    size_t count = 0;
    struct json_member member;
    size_t at = 0;
    while (json_scan_next_member(object, &at, &member)) {
        for (size_t i = 0; i < count; i++) {
            w->doubled = w->doubled || str_equal(keys[i], member.key);
        }
        if (count < STATUS_KEYS) {
            keys[count++] = member.key;
        }
        if (!named || !str_equal(member.key, STR("name"))) {
            status_walk_member(w, &member, depth);
        }
    }
}

static bool status_take_apart(struct status_doc *d, struct str document)
{
    struct json_scan scan;
    status_forget(d);
    d->layout++;
    if (json_scan(document, &scan) != 0 || !scan.is_object || scan.trailing > 0) {
        return false;
    }
    struct status_walk walk = { .doc = d, .document = document };
    buf_init(&walk.path, 1u << 20);
    status_walk_object(&walk, document, 0, false);
    buf_deinit(&walk.path);
    if (walk.doubled) {
        status_forget(d);
        return false;
    }
    d->text = mem_strndup(document.data, document.size);
    d->size = document.size;
    return true;
}

bool status_doc_read(struct status_doc *d, struct str document)
{
    return (d->text != NULL && status_follows(d, document)) || status_take_apart(d, document);
}

const struct status_place *status_doc_find(const struct status_doc *d, const char *path)
{
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->places[i].path, path) == 0) {
            return &d->places[i];
        }
    }
    return NULL;
}

void status_doc_deinit(struct status_doc *d)
{
    status_forget(d);
    mem_free(d->places);
    *d = (struct status_doc){ 0 };
}
