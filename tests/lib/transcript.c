/* Requests are built by hand, so that what is sent is what was recorded: no header more, and chunks
 * where chunks were sent.  Each exchange has a connection of its own. */
#include "tests/lib/transcript.h"
#include "base/check.h"
#include "base/buf.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "tests/lib/http.h"
#include "tests/lib/vary.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define UUIDS_MAX 64
#define BOUND_MS  60000
#define TEXT_MAX  ((size_t)256 * 1024 * 1024)

struct play {
    unsigned port;
    const char *area;
    const char *name; /* of the exchange */
    char uuids[UUIDS_MAX][UUID_TEXT_SIZE + 1];
    char why[600];
};

static bool disagree(struct play *p, const char *what, const char *expected, const char *actual)
{
    (void)snprintf(p->why, sizeof(p->why), "%s: expected %.200s, got %.200s", what, expected, actual);
    return false;
}

/* ---- placeholders ---- */

/* Reads "${kind:N}" at text; returns its length, 0 when there is none. */
static size_t placeholder(const char *text, char kind[16], unsigned long *number)
{
    if (text[0] != '$' || text[1] != '{') {
        return 0;
    }
    size_t letters = strcspn(text + 2, ":}");
    const char *close = strchr(text, '}');
    if (close == NULL || letters >= 16) {
        return 0;
    }
    memcpy(kind, text + 2, letters);
    kind[letters] = '\0';
    *number = text[2 + letters] == ':' ? strtoul(text + 3 + letters, NULL, 10) : 0;
    return (size_t)(close - text) + 1;
}

static void put_uuid(const struct play *p, const char *kind, unsigned long number, struct buf *out)
{
    const char *uuid = p->uuids[number % UUIDS_MAX];
    for (; *uuid != '\0'; uuid++) {
        if (strcmp(kind, "uuidhex") == 0 && *uuid == '-') {
            continue;
        }
        char c = *uuid;
        bool upper = strcmp(kind, "UUID") == 0 && c >= 'a' && c <= 'f';
        buf_append_char(out, upper ? (char)(c - 'a' + 'A') : c);
    }
}

static void fill(const struct play *p, const char *text, struct buf *out)
{
    while (*text != '\0') {
        char kind[16];
        unsigned long number;
        size_t length = placeholder(text, kind, &number);
        if (length == 0) {
            buf_append_char(out, *text++);
            continue;
        }
        if (strcmp(kind, "pad") == 0) {
            char *room = buf_reserve(out, number);
            if (room != NULL) {
                memset(room, 'x', number);
                out->size += number;
            }
        } else {
            put_uuid(p, kind, number, out);
        }
        text += length;
    }
}

/* Expected text with placeholders against an actual one; binds UUIDs seen for the first time. */
static bool text_matches(struct play *p, const char *expected, const char *actual)
{
    while (*expected != '\0') {
        char kind[16];
        unsigned long number;
        size_t length = placeholder(expected, kind, &number);
        if (length == 0) {
            if (*expected++ != *actual++) {
                return false;
            }
            continue;
        }
        expected += length;
        if (strcmp(kind, "any") == 0 || strcmp(kind, "date") == 0) {
            return true;
        }
        if (strcmp(kind, "pad") == 0) {
            if (strspn(actual, "x") < number) {
                return false;
            }
            actual += number;
            continue;
        }
        char *bound = p->uuids[number % UUIDS_MAX];
        struct uuid parsed;
        if (strlen(actual) < UUID_TEXT_SIZE || !uuid_parse(str_make(actual, UUID_TEXT_SIZE), &parsed)) {
            return false;
        }
        if (bound[0] == '\0') {
            memcpy(bound, actual, UUID_TEXT_SIZE);
        }
        if (strncmp(bound, actual, UUID_TEXT_SIZE) != 0) {
            return false;
        }
        actual += UUID_TEXT_SIZE;
    }
    return *actual == '\0';
}

/* ---- comparing ---- */

static bool same(struct play *p, json_t *expected, json_t *actual);

static bool same_numbers(json_t *expected, json_t *actual)
{
    if (json_is_integer(expected) && json_is_integer(actual)) {
        return json_integer_value(expected) == json_integer_value(actual);
    }
    double a = json_number_value(expected);
    double b = json_number_value(actual);
    double apart = a > b ? a - b : b - a;
    double size = a > 0 ? a : -a;
    return apart <= 1e-5 * size;
}

static bool same_lists(struct play *p, json_t *expected, json_t *actual)
{
    size_t i;
    json_t *item;
    if (json_array_size(expected) != json_array_size(actual)) {
        return false;
    }
    json_array_foreach(expected, i, item)
    {
        if (!same(p, item, json_array_get(actual, i))) {
            return false;
        }
    }
    return true;
}

static bool same_objects(struct play *p, json_t *expected, json_t *actual)
{
    const char *key;
    json_t *item;
    if (json_object_size(expected) != json_object_size(actual)) {
        return false;
    }
    json_object_foreach(expected, key, item)
    {
        json_t *other = json_object_get(actual, key);
        if (other == NULL || !same(p, item, other)) {
            return false;
        }
    }
    return true;
}

static bool same(struct play *p, json_t *expected, json_t *actual)
{
    if (json_is_string(expected)) {
        const char *text = json_string_value(expected);
        if (strcmp(text, "${any}") == 0) {
            return true;
        }
        if (strcmp(text, "${int}") == 0) {
            return json_is_integer(actual);
        }
        if (!json_is_string(actual)) {
            return false;
        }
        bool plain = strstr(text, "${") == NULL;
        return plain ? json_equal(expected, actual) : text_matches(p, text, json_string_value(actual));
    }
    if (json_is_number(expected)) {
        return json_is_number(actual) && same_numbers(expected, actual);
    }
    if (json_is_array(expected)) {
        return json_is_array(actual) && same_lists(p, expected, actual);
    }
    if (json_is_object(expected)) {
        return json_is_object(actual) && same_objects(p, expected, actual);
    }
    return json_typeof(expected) == json_typeof(actual);
}

/* Every expected element has a partner of its own. */
static bool same_sets(struct play *p, json_t *expected, json_t *actual)
{
    size_t i;
    json_t *item;
    json_t *rest = json_copy(actual);
    bool good = json_is_array(actual) && json_array_size(expected) == json_array_size(actual);
    json_array_foreach(expected, i, item)
    {
        size_t k = 0;
        while (good && k < json_array_size(rest) && !same(p, item, json_array_get(rest, k))) {
            k++;
        }
        good = good && k < json_array_size(rest) && json_array_remove(rest, k) == 0;
    }
    json_decref(rest);
    return good;
}

static bool bodies_agree(struct play *p, json_t *exchange, json_t *actual)
{
    json_t *expected = json_object_get(exchange, "response_body");
    const char *mode = json_string_value(json_object_get(exchange, "compare"));
    if (mode == NULL) {
        return same(p, expected, actual);
    }
    if (strcmp(mode, "set") == 0) {
        return same_sets(p, expected, actual);
    }
    if (strcmp(mode, "length") == 0) {
        return json_is_array(actual) && json_array_size(actual) == json_array_size(expected);
    }
    return json_equal(json_object_get(expected, "error"), json_object_get(actual, "error"));
}

static bool header_value(const char *head, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    out[0] = '\0';
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *value = line + 3 + length;
            value += strspn(value, " ");
            (void)snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value);
            return true;
        }
    }
    return false;
}

static bool headers_agree(struct play *p, json_t *exchange, const char *head)
{
    static const char *const checked[] = { "content-type", "allow", "location", "chroma-trace-id" };
    char actual[200];
    json_t *headers = json_object_get(exchange, "response_headers");
    for (size_t i = 0; i < sizeof(checked) / sizeof(checked[0]); i++) {
        const char *expected = json_string_value(json_object_get(headers, checked[i]));
        bool there = header_value(head, checked[i], actual, sizeof(actual));
        if (there != (expected != NULL) || (there && strcmp(expected, actual) != 0)) {
            return disagree(p, checked[i], expected == NULL ? "none" : expected, there ? actual : "none");
        }
    }
    return true;
}

static bool answer_agrees(struct play *p, json_t *exchange, const struct http_reply *reply)
{
    char expected[32];
    char actual[32];
    char type[100];
    json_int_t status = json_integer_value(json_object_get(exchange, "status"));
    json_t *body = json_object_get(exchange, "response_body");
    if (status != reply->status) {
        (void)snprintf(expected, sizeof(expected), "%lld", (long long)status);
        (void)snprintf(actual, sizeof(actual), "%d", reply->status);
        return disagree(p, "status", expected, reply->body_size > 0 ? reply->body : actual);
    }
    if (!headers_agree(p, exchange, reply->head)) {
        return false;
    }
    if (json_is_null(body)) {
        return reply->body_size == 0 || disagree(p, "body", "none", reply->body);
    }
    (void)header_value(reply->head, "content-type", type, sizeof(type));
    json_t *parsed = strncmp(type, "application/json", 16) == 0
                         ? json_loadb(reply->body, reply->body_size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                         : json_stringn(reply->body, reply->body_size);
    bool good = parsed != NULL && bodies_agree(p, exchange, parsed);
    if (!good) {
        char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
        (void)disagree(p, "body", text == NULL ? "?" : text, reply->body);
        free(text);
    }
    json_decref(parsed);
    return good;
}

/* ---- sending ---- */

static void put_body(const struct play *p, json_t *body, struct buf *out)
{
    if (json_is_string(body)) {
        fill(p, json_string_value(body), out);
    } else if (body != NULL && !json_is_null(body)) {
        char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
        fill(p, text == NULL ? "" : text, out);
        free(text);
    }
}

static void put_request(const struct play *p, json_t *exchange, struct buf *out)
{
    struct buf body;
    const char *name;
    json_t *value;
    bool chunked = false;
    json_t *given = json_object_get(exchange, "request_body");
    buf_init(&body, TEXT_MAX);
    put_body(p, given, &body);
    buf_printf(out, "%s ", json_string_value(json_object_get(exchange, "method")));
    fill(p, json_string_value(json_object_get(exchange, "path")), out);
    buf_printf(out, " HTTP/1.1\r\nhost: 127.0.0.1:%u\r\n", p->port);
    json_object_foreach(json_object_get(exchange, "request_headers"), name, value)
    {
        chunked = chunked || strcasecmp(name, "transfer-encoding") == 0;
        buf_printf(out, "%s: %s\r\n", name, json_string_value(value));
    }
    if (chunked) {
        buf_printf(out, "\r\n%zx\r\n", body.size);
        buf_append_str(out, buf_str(&body));
        buf_append_text(out, "\r\n0\r\n\r\n");
    } else {
        if (given != NULL && !json_is_null(given)) {
            buf_printf(out, "content-length: %zu\r\n", body.size);
        }
        buf_append_text(out, "\r\n");
        buf_append_str(out, buf_str(&body));
    }
    buf_deinit(&body);
}

static bool play_one(struct play *p, json_t *exchange)
{
    struct buf request;
    const char *method = json_string_value(json_object_get(exchange, "method"));
    buf_init(&request, TEXT_MAX);
    put_request(p, exchange, &request);
    int fd = http_connect(p->port, BOUND_MS);
    if (fd < 0) {
        buf_deinit(&request);
        return disagree(p, "connection", "one", "refused");
    }
    (void)http_send(fd, request.data, request.size);
    struct http_reply reply = http_receive(fd, strcmp(method, "HEAD") == 0);
    bool good = answer_agrees(p, exchange, &reply);
    http_reply_free(&reply);
    (void)close(fd);
    buf_deinit(&request);
    return good;
}

static json_t *load(const char *path)
{
    json_t *exchanges = json_array();
    char *line = NULL;
    size_t capacity = 0;
    FILE *f = fopen(path, "re");
    while (f != NULL && getline(&line, &capacity, f) > 0) {
        json_t *exchange = json_loads(line, JSON_ALLOW_NUL, NULL);
        CHECK(exchange != NULL); /* one left out would be believed to agree */
        (void)json_array_append_new(exchanges, exchange);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    free(line);
    return exchanges;
}

struct transcript_result transcript_play(const char *path, unsigned port, uint64_t seed)
{
    struct transcript_result result = { 0, 0 };
    struct play *p = mem_alloc(sizeof(*p));
    const char *slash = strrchr(path, '/');
    json_t *exchanges = load(path);
    json_t *exchange;
    size_t i;
    p->port = port;
    p->area = slash == NULL ? path : slash + 1;
    if (seed != 0) {
        vary_exchanges(exchanges, seed);
    }
    json_array_foreach(exchanges, i, exchange)
    {
        p->name = json_string_value(json_object_get(exchange, "name"));
        result.played++;
        if (play_one(p, exchange)) {
            result.agreed++;
        } else {
            (void)fprintf(stderr, "%s: %s: %s\n", p->area, p->name == NULL ? "?" : p->name, p->why);
        }
    }
    json_decref(exchanges);
    mem_free(p);
    return result;
}
