/* See healed.h. */
#include "harness/console/healed.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORDS 200

static const char *const names[2] = { "primary", "replica" };

static json_t *load(struct str text)
{
    return json_loadb(text.data == NULL ? "" : text.data, text.size, 0, NULL);
}

__attribute__((format(printf, 2, 3))) static void say(struct json_writer *w, const char *format, ...)
{
    char words[WORDS];
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): begun above */
    (void)vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    json_put_text(w, words);
}

static void mock_write(struct json_writer *w, const char *name, struct str text)
{
    json_t *root = load(text);
    double faults = json_number_value(json_object_get(root, "active_faults"));
    if (root == NULL) {
        say(w, "the mock of %s does not answer", name);
    } else if (json_is_true(json_object_get(root, "dead"))) {
        say(w, "%s is dead", name);
    }
    if (faults > 0) {
        say(w, "%s: %g %s", name, faults, faults == 1 ? "fault" : "faults");
    }
    json_decref(root);
}

static void instance_write(struct json_writer *w, const json_t *instance)
{
    const char *name = json_string_value(json_object_get(instance, "name"));
    const char *forced = json_string_value(json_object_get(instance, "forced"));
    name = name == NULL ? "an instance" : name;
    if (forced != NULL) {
        say(w, "%.80s is forced %.80s", name, forced);
    }
    if (!json_is_true(json_object_get(instance, "healthy"))) {
        say(w, "%.80s is not healthy yet", name);
    }
    if (json_is_object(json_object_get(instance, "resync"))) {
        say(w, "%.80s is still compared or copied", name);
    }
    double lag = json_number_value(json_object_get(instance, "lag"));
    if (lag > 0) {
        say(w, "%.80s lacks %g %s", name, lag, lag == 1 ? "write" : "writes");
    }
}

static void log_write(struct json_writer *w, const json_t *wal)
{
    const char *by = json_string_value(json_object_get(wal, "replay_rate_by"));
    if (json_is_true(json_object_get(wal, "replay_paused"))) {
        json_put_text(w, "replay is paused");
    }
    if (by != NULL && strcmp(by, "operator") == 0) {
        json_put_text(w, "replay is throttled");
    }
    double letters = json_number_value(json_object_get(wal, "dead_letters"));
    if (letters > 0) {
        say(w, "%g %s: retry or drop", letters, letters == 1 ? "dead letter" : "dead letters");
    }
}

void healed_write(bool answered, struct str status, const struct str mocks[2], struct json_writer *w)
{
    size_t i;
    json_t *instance;
    json_array_begin(w);
    mock_write(w, names[0], mocks[0]);
    mock_write(w, names[1], mocks[1]);
    if (answered) {
        json_t *root = load(status);
        json_array_foreach(json_object_get(root, "instances"), i, instance)
        {
            instance_write(w, instance);
        }
        log_write(w, json_object_get(root, "write_ahead_log"));
        json_decref(root);
    } else {
        json_put_text(w, "the balancer does not answer");
    }
    json_array_end(w);
}
