/* Where the fuzz targets begin: seeds TRANSCRIPTS DIR writes DIR/TARGET/N, one input a file, from the
 * recorded exchanges (http, framing, filter, core, join), from the manual's examples of faults (fault) and
 * the table of settings (config).  Placeholders become the UUID of the collection that the targets have. */
#include "base/check.h"
#include "proxy/core/settings.h"
#include "tests/fuzz/small.h"
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SEED_MAX ((size_t)3 * 1024) /* a longer recorded body says nothing more to a fuzzer */

static char uuid[UUID_TEXT_SIZE + 1];
static const char *out_dir;

static _Noreturn void die(const char *what, const char *path)
{
    (void)fprintf(stderr, "fuzz_seeds: %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static void write_seed(const char *target, const char *prefix, const struct buf *bytes)
{
    static unsigned number;
    char path[600];
    if (bytes->failed) {
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", out_dir, target);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        die("cannot make", path);
    }
    (void)snprintf(path, sizeof(path), "%s/%s/%u", out_dir, target, number++);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(prefix, file) < 0 || fwrite(bytes->data, 1, bytes->size, file) != bytes->size ||
        fclose(file) != 0) {
        die("cannot write", path);
    }
}

/* The text with the collection's UUID for every placeholder. */
static void fill(const char *text, struct buf *out)
{
    while (*text != '\0') {
        const char *close = text[0] == '$' && text[1] == '{' ? strchr(text, '}') : NULL;
        if (close == NULL) {
            buf_append_char(out, *text++);
        } else {
            buf_append_text(out, uuid);
            text = close + 1;
        }
    }
}

/* body is NULL, or text that has been filled. */
static void write_request(json_t *exchange, const struct buf *body, struct buf *out)
{
    const char *name;
    json_t *value;
    bool chunked = false;
    buf_printf(out, "%s ", json_string_value(json_object_get(exchange, "method")));
    fill(json_string_value(json_object_get(exchange, "path")), out);
    buf_append_text(out, " HTTP/1.1\r\nhost: a\r\n");
    json_object_foreach(json_object_get(exchange, "request_headers"), name, value)
    {
        buf_printf(out, "%s: %s\r\n", name, json_string_value(value));
        chunked = chunked || strcmp(name, "transfer-encoding") == 0;
    }
    if (chunked) {
        buf_printf(out, "\r\n%zx\r\n%.*s\r\n0\r\n\r\n", body->size, STR_ARGS(buf_str(body)));
    } else if (body->size > 0) {
        buf_printf(out, "content-length: %zu\r\n\r\n%.*s", body->size, STR_ARGS(buf_str(body)));
    } else {
        buf_append_text(out, "\r\n");
    }
}

/* Checks and marks of both instances, answered as new ones do, and then the client's request, answered as it
 * was recorded by whoever is asked. */
static void seed_script(json_t *exchange, struct str body)
{
    static const char prologue[] =
        "A 0 100 []\nA 0 100 []\n"
        "A 0 304 {\"error\":\"NotFoundError\",\"message\":\"no mark\"}\n"
        "A 0 304 {\"error\":\"NotFoundError\",\"message\":\"no mark\"}\nD\n";
    struct buf script;
    int status = (int)json_integer_value(json_object_get(exchange, "status"));
    char *answer = json_dumps(json_object_get(exchange, "response_body"), JSON_COMPACT | JSON_ENCODE_ANY);
    buf_init(&script, SEED_MAX);
    buf_append_text(&script, prologue);
    buf_printf(&script, "H content-type: application/json\nC %s ",
               json_string_value(json_object_get(exchange, "method")));
    fill(json_string_value(json_object_get(exchange, "path")), &script);
    buf_printf(&script, " %.*s\nD\n", STR_ARGS(body));
    for (unsigned i = 0; i < 3; i++) {
        buf_printf(&script, "A 0 %d ", status - 100);
        fill(answer == NULL ? "" : answer, &script);
        buf_append_text(&script, "\nD\nT 5\n");
    }
    buf_append_text(&script, "X\nT 300\n");
    write_seed("core", "", &script);
    buf_deinit(&script);
    free(answer);
}

static void seed_records(struct str path, const struct buf *body)
{
    static const char *const tails[] = { "/add", "/upsert", "/update", "/delete" };
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        if (str_ends(path, str_of(tails[i]))) {
            char operation[2] = { (char)('0' + i), '\0' }; /* a digit's code is its own rest of 4 */
            write_seed("join", operation, body);
        }
    }
}

static void seed_exchange(json_t *exchange)
{
    struct buf body;
    struct buf request;
    json_t *tree = json_object_get(exchange, "request_body");
    char *text = json_is_string(tree) || json_is_null(tree) ? NULL : json_dumps(tree, JSON_COMPACT);
    const char *path = json_string_value(json_object_get(exchange, "path"));
    buf_init(&body, SEED_MAX);
    buf_init(&request, SEED_MAX);
    fill(text != NULL ? text : json_is_string(tree) ? json_string_value(tree) : "", &body);
    if (!body.failed) {
        write_request(exchange, &body, &request);
        write_seed("http", "@", &request);
        write_seed("framing", "03", &request);
        seed_script(exchange, buf_str(&body));
        seed_records(str_of(path), &body);
    }
    if (str_ends(str_of(path), STR("/get")) || str_ends(str_of(path), STR("/query")) ||
        str_ends(str_of(path), STR("/delete"))) {
        write_seed("filter", "", &body);
    }
    free(text);
    buf_deinit(&body);
    buf_deinit(&request);
}

static void seed_transcripts(const char *dir)
{
    struct dirent **names;
    int count = scandir(dir, &names, NULL, alphasort);
    char *line = NULL;
    size_t room = 0;
    if (count < 0) {
        die("cannot list", dir);
    }
    for (int i = 0; i < count; i++) {
        char path[600];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        FILE *file = str_ends(str_of(path), STR(".jsonl")) ? fopen(path, "r") : NULL;
        for (ssize_t n; file != NULL && (n = getline(&line, &room, file)) > 0;) {
            json_t *exchange = json_loadb(line, (size_t)n, JSON_ALLOW_NUL, NULL);
            CHECK(json_is_object(exchange));
            seed_exchange(exchange);
            json_decref(exchange);
        }
        if (file != NULL) {
            (void)fclose(file);
        }
        free(names[i]);
    }
    free(names);
    free(line);
}

/* Answers, as a gateway reads them from the server behind it. */
static void seed_answers(void)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\ntrailer: 1\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\nconnection: close\r\n\r\nnothing",
        "HTTP/1.1 204 No Content\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct buf bytes;
        buf_init(&bytes, SEED_MAX);
        buf_append_text(&bytes, answers[i]);
        write_seed("framing", "15", &bytes);
        write_seed("framing", "25", &bytes);
        buf_deinit(&bytes);
    }
}

static void seed_faults(void)
{
    struct buf manual;
    buf_init(&manual, (size_t)1024 * 1024);
    mock_fault_manual(&manual);
    const char *text = buf_text(&manual);
    for (const char *at = strstr(text, "`{\"do\":"); at != NULL; at = strstr(at + 1, "`{\"do\":")) {
        struct buf document;
        const char *end = strchr(at + 1, '`');
        CHECK(end != NULL);
        buf_init(&document, SEED_MAX);
        buf_append(&document, at + 1, (size_t)(end - at - 1));
        write_seed("fault", "", &document);
        buf_append_text(&document, "\n{\"do\":\"delay\",\"by\":\"1s\",\"share\":\"50%\",\"lease\":\"2s\"}");
        write_seed("fault", "", &document);
        buf_deinit(&document);
    }
    buf_deinit(&manual);
}

/* Every setting from each place it can come from. */
static void seed_settings(void)
{
    struct settings_draft draft;
    settings_draft_init(&draft);
    for (size_t i = 0; i < settings_table_size; i++) {
        char value[SETTINGS_TEXT_MAX];
        const char *name = settings_table[i].name;
        struct buf text;
        settings_format(&draft.values, &settings_table[i], value, sizeof(value));
        buf_init(&text, SEED_MAX);
        buf_printf(&text, "PRIMARY_URL=http://a:1\n%s=%s\n--%s=%s\n---\n%s: %s\n", name, value, name, value,
                   name, value);
        write_seed("config", "", &text);
        buf_deinit(&text);
    }
}

static void seed_logs(void)
{
    static const char *const patches[] = { "w", "w0abc", "w1abc2def", "\x89WDLOG\r\n" };
    for (size_t i = 0; i < sizeof(patches) / sizeof(patches[0]); i++) {
        struct buf none;
        buf_init(&none, 1);
        write_seed("log", patches[i], &none);
        buf_deinit(&none);
    }
}

int main(int argc, char **argv)
{
    struct small s;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: fuzz_seeds TRANSCRIPTS DIR\n");
        return 2;
    }
    out_dir = argv[2];
    small_init(&s);
    memcpy(uuid, s.uuid, sizeof(uuid));
    seed_transcripts(argv[1]);
    seed_answers();
    seed_faults();
    seed_settings();
    seed_logs();
    small_deinit(&s);
    return 0;
}
