#include "tests/unit/core/twins.h"

#include "base/json_scan.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

#define FILTERED 10

struct twin twins[2];

size_t twin_place_of(const struct twin *m, unsigned id)
{
    size_t at = 0;
    while (at < m->count && m->rows[at].id != id) {
        at++;
    }
    return at;
}

void twin_put(struct twin *m, const char *verb, unsigned id, unsigned value)
{
    size_t at = twin_place_of(m, id);
    if (at == m->count && strcmp(verb, "update") != 0) {
        CU_ASSERT_FATAL(m->count < ROWS_MAX);
        m->rows[m->count++] = (struct twin_row){ .id = id, .value = value };
    } else if (at < m->count && strcmp(verb, "add") != 0) {
        m->rows[at].value = value;
    }
}

static void take_out(struct twin *m, size_t at)
{
    m->count--;
    for (size_t i = at; i < m->count; i++) {
        m->rows[i] = m->rows[i + 1];
    }
}

/* The nth number in the list of that key: its entries are like "r12" and "v7". */
static bool entry_of(const struct json_scan *scan, const char *key, size_t nth, unsigned *number)
{
    const struct json_member *list = json_scan_find(scan, key);
    size_t at = 0;
    struct str text;
    enum json_kind kind;
    bool found = list != NULL && list->kind == JSON_ARRAY_VALUE;
    for (size_t i = 0; found && i <= nth; i++) {
        found = json_scan_next(list->value, &at, &text, &kind);
    }
    if (found) {
        *number = (unsigned)strtoul(text.data + 2, NULL, 10);
    }
    return found;
}

static unsigned number_of(const char *body, const char *key)
{
    const char *at = strstr(body, key);
    return at == NULL ? 0 : (unsigned)strtoul(at + strlen(key), NULL, 10);
}

static char *get_answer(const struct twin *m, const char *body)
{
    static const char *const keys[] = { "ids", "documents", "embeddings", "metadatas", "uris" };
    struct json_scan scan;
    CU_ASSERT_EQUAL_FATAL(json_scan(str_of(body), &scan), 0);
    bool wanted[ROWS_MAX] = { false };
    unsigned id;
    bool by_id = json_scan_find(&scan, "ids") != NULL;
    for (size_t n = 0; entry_of(&scan, "ids", n, &id); n++) {
        wanted[twin_place_of(m, id)] = true;
    }
    size_t first = by_id ? 0 : number_of(body, "\"offset\":");
    size_t end = by_id ? m->count : first + number_of(body, "\"limit\":");
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        buf_printf(&b, "%s\"%s\":[", k == 0 ? "{" : ",", keys[k]);
        bool any = false;
        for (size_t i = first; i < end && i < m->count; i++) {
            if (by_id && !wanted[i]) {
                continue;
            }
            buf_append_text(&b, any ? "," : "");
            any = true;
            if (k < 2) {
                buf_printf(&b, k == 0 ? "\"r%u\"" : "\"v%u\"", k == 0 ? m->rows[i].id : m->rows[i].value);
            } else {
                buf_append_text(&b, k == 2 ? "[1.0]" : "null");
            }
        }
        buf_append_char(&b, ']');
    }
    buf_append_char(&b, '}');
    char *answer = mem_strdup(buf_text(&b));
    buf_deinit(&b);
    return answer;
}

static void change_rows(struct twin *m, const char *verb, const char *body)
{
    struct json_scan scan;
    CU_ASSERT_EQUAL_FATAL(json_scan(str_of(body), &scan), 0);
    unsigned id;
    unsigned value = 0;
    for (size_t n = 0; entry_of(&scan, "ids", n, &id); n++) {
        (void)entry_of(&scan, "documents", n, &value);
        if (strcmp(verb, "delete") != 0) {
            twin_put(m, verb, id, value);
        } else if (twin_place_of(m, id) < m->count) {
            take_out(m, twin_place_of(m, id));
        }
    }
    for (size_t at = m->count; json_scan_find(&scan, "where") != NULL && at > 0; at--) {
        if (m->rows[at - 1].id % FILTERED == 0) {
            take_out(m, at - 1);
        }
    }
}

static char *object_of(const struct twin *m, unsigned instance)
{
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{\"id\":\"%s\",\"name\":\"docs\",\"metadata\":{\"v\":%u},\"dimension\":%s}",
                   driver_id(instance, 1), m->metadata, m->loose ? "null" : "1");
    return mem_strdup(text);
}

static char *listing_of(const struct twin *m, unsigned instance)
{
    char text[600];
    char *object = object_of(m, instance);
    (void)snprintf(text, sizeof(text), "[%s]", m->exists ? object : "");
    mem_free(object);
    return mem_strdup(text);
}

bool twin_asked_for(const struct driver_call *call, const char *tail)
{
    size_t end = strcspn(call->request, "?\n");
    size_t size = strlen(tail);
    return end >= size && strncmp(call->request + end - size, tail, size) == 0;
}

char *twin_carry_out(const struct driver_call *call, int *status)
{
    static const char *const verbs[] = { "add", "upsert", "update", "delete" };
    struct twin *m = &twins[call->instance];
    bool get = strncmp(call->request, "GET", 3) == 0;
    *status = 200;
    for (size_t k = 0; k < 4; k++) {
        char tail[16];
        (void)snprintf(tail, sizeof(tail), "/%s", verbs[k]);
        if (twin_asked_for(call, tail)) {
            *status = k == 0 ? 201 : 200;
            change_rows(m, verbs[k], call->body);
            return mem_strdup("{}");
        }
    }
    if (twin_asked_for(call, "/get")) {
        return get_answer(m, call->body);
    }
    if (twin_asked_for(call, "/count")) {
        char text[24];
        (void)snprintf(text, sizeof(text), "%zu", m->count);
        return mem_strdup(text);
    }
    if (twin_asked_for(call, "/databases")) {
        return mem_strdup("[{\"name\":\"default_database\",\"tenant\":\"default_tenant\"}]");
    }
    if (twin_asked_for(call, "/collections") && get) {
        return listing_of(m, call->instance);
    }
    if (strncmp(call->request, "PUT", 3) == 0 || strncmp(call->request, "POST", 4) == 0) {
        m->exists = true;
        m->metadata = number_of(call->body, "\"v\":");
        return object_of(m, call->instance);
    }
    *status = m->exists ? 200 : 404;
    return m->exists ? object_of(m, call->instance) : mem_strdup(NOT_FOUND);
}
