/* A name is rewritten letter by letter, each letter drawn among those that keep the order of all names
 * with the same beginning: lists sorted by name, and slices of them, stay right.  Lengths stay, because
 * errors tell columns.  Only exchanges that succeeded have their numbers changed: the others leave
 * nothing behind but their text. */
#include "tests/lib/vary.h"
#include "base/memory.h"
#include "base/prng.h"
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX  128
#define NAME_SIZE  64
#define DIMENSIONS 64

struct vary {
    char names[NAMES_MAX][NAME_SIZE]; /* sorted */
    char others[NAMES_MAX][NAME_SIZE];
    size_t count;
    struct prng prng; /* not drawn from any more once the names are made */
    json_int_t shift;
};

/* ---- names ---- */

static bool changeable(const char *name, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    return size >= 3 && size < NAME_SIZE && name[0] >= 'a' && name[0] <= 'z' && strspn(name, plain) >= size &&
           !(size >= 8 && strncmp(name, "default_", 8) == 0);
}

static int find(const struct vary *v, const char *name, size_t size)
{
    for (size_t i = 0; i < v->count; i++) {
        if (strlen(v->names[i]) == size && memcmp(v->names[i], name, size) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void learn(struct vary *v, const char *name, size_t size)
{
    if (v->count < NAMES_MAX && changeable(name, size) && find(v, name, size) < 0) {
        memcpy(v->names[v->count], name, size);
        v->names[v->count++][size] = '\0';
    }
}

/* Calls back for each segment of the path that is a name. */
static void each_segment(struct vary *v, char *path, void (*run)(struct vary *v, char *name, size_t size))
{
    static const char *const before[] = { "/tenants/", "/databases/", "/collections/" };
    for (size_t i = 0; i < 3; i++) {
        char *at = strstr(path, before[i]);
        if (at != NULL) {
            at += strlen(before[i]);
            run(v, at, strcspn(at, "/?"));
        }
    }
}

static void learn_segment(struct vary *v, char *name, size_t size)
{
    learn(v, name, size);
}

static void learn_all(struct vary *v, json_t *exchanges)
{
    static const char *const keys[] = { "name", "new_name" };
    size_t i;
    json_t *exchange;
    json_array_foreach(exchanges, i, exchange)
    {
        char *path = mem_strdup(json_string_value(json_object_get(exchange, "path")));
        json_t *body = json_object_get(exchange, "request_body");
        each_segment(v, path, learn_segment);
        mem_free(path);
        for (size_t k = 0; k < 2; k++) {
            json_t *name = json_object_get(body, keys[k]);
            if (json_is_string(name)) {
                learn(v, json_string_value(name), json_string_length(name));
            }
        }
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* count different characters of a class, rising. */
static void draw_rising(struct vary *v, char low, char high, size_t count, char *out)
{
    size_t wanted = count;
    for (char c = low; c <= high && wanted > 0; c++) {
        size_t left = (size_t)(high - c) + 1;
        if (prng_below(&v->prng, left) < wanted) {
            *out++ = c;
            wanted--;
        }
    }
}

static size_t distinct(const struct vary *v, size_t from, size_t to, size_t at, char low, char high)
{
    size_t count = 0;
    char last = '\0';
    for (size_t i = from; i < to; i++) {
        char c = v->names[i][at];
        if (c != last && c >= low && c <= high) {
            count++;
        }
        last = c;
    }
    return count;
}

/* Names from..to agree in their first at characters. */
static void rename_from(struct vary *v, size_t from, size_t to, size_t at)
{
    char letters[27] = { 0 };
    char digits[11] = { 0 };
    size_t next_letter = 0;
    size_t next_digit = 0;
    draw_rising(v, 'a', 'z', distinct(v, from, to, at, 'a', 'z'), letters);
    draw_rising(v, '0', '9', distinct(v, from, to, at, '0', '9'), digits);
    while (from < to) {
        char c = v->names[from][at];
        char other = c;
        size_t end = from;
        if (c >= 'a' && c <= 'z') {
            other = letters[next_letter++];
        } else if (c >= '0' && c <= '9') {
            other = digits[next_digit++];
        }
        while (end < to && v->names[end][at] == c) {
            v->others[end++][at] = other;
        }
        if (c != '\0') {
            rename_from(v, from, end, at + 1);
        }
        from = end;
    }
}

static void swap_name(struct vary *v, char *name, size_t size)
{
    int i = find(v, name, size);
    if (i >= 0) {
        memcpy(name, v->others[i], size);
    }
}

/* Names between mark and one of the ends: [name] in messages, "name" in bodies that are no JSON. */
static void swap_marked(struct vary *v, char *text, char mark, const char *ends)
{
    for (char *at = strchr(text, mark); at != NULL; at = strchr(at + 1, mark)) {
        swap_name(v, at + 1, strcspn(at + 1, ends));
    }
}

static void replace(json_t *holder, const char *key, char *text)
{
    (void)json_object_set_new(holder, key, json_string(text));
    mem_free(text);
}

static void rename_in_answer(struct vary *v, json_t *body)
{
    static const char *const keys[] = { "name", "tenant", "database" };
    size_t i;
    json_t *item;
    json_array_foreach(body, i, item)
    {
        rename_in_answer(v, item);
    }
    for (i = 0; i < 3; i++) {
        const char *name = json_string_value(json_object_get(body, keys[i]));
        if (name != NULL) {
            char *copy = mem_strdup(name);
            swap_name(v, copy, strlen(copy));
            replace(body, keys[i], copy);
        }
    }
    const char *message = json_string_value(json_object_get(body, "message"));
    if (message != NULL) {
        char *copy = mem_strdup(message);
        swap_marked(v, copy, '[', "]");
        replace(body, "message", copy);
    }
}

static void rename_in_request(struct vary *v, json_t *exchange)
{
    static const char *const keys[] = { "name", "new_name" };
    json_t *body = json_object_get(exchange, "request_body");
    char *path = mem_strdup(json_string_value(json_object_get(exchange, "path")));
    each_segment(v, path, swap_name);
    replace(exchange, "path", path);
    for (size_t i = 0; i < 2; i++) {
        const char *name = json_string_value(json_object_get(body, keys[i]));
        if (name != NULL) {
            char *copy = mem_strdup(name);
            swap_name(v, copy, strlen(copy));
            replace(body, keys[i], copy);
        }
    }
    if (json_is_string(body)) {
        char *copy = mem_strdup(json_string_value(body));
        if (strstr(copy, "name\"") != NULL) {
            swap_marked(v, copy, '"', "\"");
        }
        replace(exchange, "request_body", copy);
    }
}

/* ---- vectors ---- */

/* Where coordinate i of n comes from, and whether its sign turns: drawn from the seed and n alone. */
static void shuffle_of(const struct vary *v, size_t n, size_t order[DIMENSIONS], bool turned[DIMENSIONS])
{
    char name[32];
    (void)snprintf(name, sizeof(name), "dimension %zu", n);
    struct prng prng = prng_split(&v->prng, name);
    for (size_t i = 0; i < n; i++) {
        order[i] = i;
        turned[i] = prng_chance(&prng, 1, 2);
    }
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)prng_below(&prng, i);
        size_t kept = order[i - 1];
        order[i - 1] = order[k];
        order[k] = kept;
    }
}

/* What was infinite is read back as null. */
static json_t *number_turned(const json_t *number, bool turn)
{
    if (json_is_null(number)) {
        return json_null();
    }
    if (json_is_integer(number)) {
        json_int_t value = json_integer_value(number);
        return json_integer(turn ? -value : value);
    }
    double value = json_real_value(number);
    return json_real(turn ? -value : value);
}

static bool is_vector(json_t *list)
{
    size_t i;
    json_t *item;
    size_t numbers = 0;
    json_array_foreach(list, i, item)
    {
        if (!json_is_number(item) && !json_is_null(item)) {
            return false;
        }
        numbers += json_is_number(item) ? 1 : 0;
    }
    return numbers > 0 && json_array_size(list) <= DIMENSIONS;
}

static void shuffle_base64(const struct vary *v, json_t *text)
{
    float values[DIMENSIONS];
    float others[DIMENSIONS];
    size_t order[DIMENSIONS];
    bool turned[DIMENSIONS];
    char encoded[DIMENSIONS * 8];
    int size = b64_pton(json_string_value(text), (unsigned char *)values, sizeof(values));
    if (size <= 0) {
        return;
    }
    size_t n = (size_t)size / sizeof(float);
    shuffle_of(v, n, order, turned);
    for (size_t i = 0; i < n; i++) {
        others[i] = turned[i] ? -values[order[i]] : values[order[i]];
    }
    if (b64_ntop((unsigned char *)others, n * sizeof(float), encoded, sizeof(encoded)) > 0) {
        (void)json_string_set(text, encoded);
    }
}

static void shuffle_vectors(const struct vary *v, json_t *list)
{
    size_t order[DIMENSIONS];
    bool turned[DIMENSIONS];
    size_t i;
    json_t *item;
    if (json_is_string(list)) {
        shuffle_base64(v, list);
    } else if (is_vector(list)) {
        size_t n = json_array_size(list);
        json_t *old = json_copy(list);
        shuffle_of(v, n, order, turned);
        for (i = 0; i < n; i++) {
            (void)json_array_set_new(list, i, number_turned(json_array_get(old, order[i]), turned[i]));
        }
        json_decref(old);
    } else {
        json_array_foreach(list, i, item)
        {
            shuffle_vectors(v, item);
        }
    }
}

/* ---- numbers ---- */

static void move_numbers(const struct vary *v, json_t *value)
{
    const char *key;
    size_t i;
    json_t *item;
    if (json_is_integer(value) && llabs(json_integer_value(value)) < 1000000) {
        (void)json_integer_set(value, json_integer_value(value) + v->shift);
    } else if (json_is_real(value) && json_real_value(value) > -1e6 && json_real_value(value) < 1e6) {
        (void)json_real_set(value, json_real_value(value) + (double)v->shift);
    }
    json_object_foreach(value, key, item)
    {
        move_numbers(v, item);
    }
    json_array_foreach(value, i, item)
    {
        move_numbers(v, item);
    }
}

static void change_numbers(const struct vary *v, json_t *body)
{
    static const char *const vectors[] = { "embeddings", "query_embeddings" };
    static const char *const numbers[] = { "metadatas", "metadata", "new_metadata", "where" };
    size_t i;
    json_t *item;
    json_array_foreach(body, i, item)
    {
        change_numbers(v, item);
    }
    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        shuffle_vectors(v, json_object_get(body, vectors[i]));
    }
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        move_numbers(v, json_object_get(body, numbers[i]));
    }
}

/* A body recorded as text, because its numbers were written in an unusual way, takes part as a value. */
static void parse_body(json_t *exchange)
{
    const char *text = json_string_value(json_object_get(exchange, "request_body"));
    json_t *parsed = text == NULL ? NULL : json_loads(text, JSON_ALLOW_NUL, NULL);
    if (parsed != NULL) {
        (void)json_object_set_new(exchange, "request_body", parsed);
    }
}

void vary_exchanges(json_t *exchanges, uint64_t seed)
{
    struct vary *v = mem_alloc(sizeof(*v));
    size_t i;
    json_t *exchange;
    prng_seed(&v->prng, seed);
    v->shift = 1 + (json_int_t)prng_below(&v->prng, 500);
    learn_all(v, exchanges);
    qsort(v->names, v->count, NAME_SIZE, compare_names);
    rename_from(v, 0, v->count, 0);
    json_array_foreach(exchanges, i, exchange)
    {
        json_t *answer = json_object_get(exchange, "response_body");
        rename_in_request(v, exchange);
        rename_in_answer(v, answer);
        if (json_integer_value(json_object_get(exchange, "status")) < 300) {
            parse_body(exchange);
            change_numbers(v, json_object_get(exchange, "request_body"));
            change_numbers(v, answer);
        }
    }
    mem_free(v);
}
