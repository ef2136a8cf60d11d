/* Steps: what a person would type, and what the answers must be. */
#include "harness/scenario/keys.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include "harness/scenario/yaml_json.h"
#include <stdio.h>

#define STEP_TIMEOUT_NS  (10 * NS_PER_S)
#define STEP_HEADERS_MAX 32

static bool name_is_known(const struct reading *r, struct str name)
{
    for (size_t i = 0; i < r->capture_count; i++) {
        if (str_equal(name, str_of(r->captures[i]))) {
            return true;
        }
    }
    return str_equal(name, STR("lb")) || str_equal(name, STR("primary")) ||
           (str_equal(name, STR("replica")) && r->s->has_replica);
}

/* Every ${name} of a text is an address or was captured by an earlier step; in a command, capitals are the
 * shell's. */
static void check_references(struct reading *r, const struct yaml_node *node, const char *text, bool command)
{
    const char *at = text;
    while ((at = strstr(at, "${")) != NULL) {
        const char *end = strchr(at, '}');
        struct str name = str_make(at + 2, end == NULL ? strlen(at + 2) : (size_t)(end - at) - 2);
        size_t capitals = strspn(name.data, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
        bool shells = command && capitals > 0 &&
                      (capitals >= name.size || strchr("-:+=?%#/", name.data[capitals]) != NULL);
        if (end == NULL || (!shells && !name_is_known(r, name))) {
            const char *names[SCENARIO_CAPTURES_MAX + 3] = { "lb", "primary", "replica" };
            size_t count = r->s->has_replica ? 3 : 2;
            memcpy(names + count, r->captures, r->capture_count * sizeof(*names));
            const char *near = suggest_name(name, names, count + r->capture_count);
            char hint[128] = "";
            char message[256];
            int shown = (int)(name.size > 60 ? 60 : name.size);
            if (near != NULL) {
                (void)snprintf(hint, sizeof(hint), "did you mean \"${%s}\"?", near);
            }
            (void)snprintf(message, sizeof(message),
                           end == NULL ? "\"${%.*s\" is not closed by \"}\""
                                       : "\"${%.*s}\" is neither an address (lb, primary, replica) nor "
                                         "captured by an earlier step",
                           shown, name.data);
            size_t offset =
                node->kind == YAML_SCALAR && strcmp(text, node->text) == 0 ? (size_t)(at - text) : 0;
            complain_inside(r, node, offset, name.size + 3, near == NULL ? NULL : hint, message);
            return;
        }
        at = end;
    }
}

static void check_url(struct reading *r, const struct yaml_node *node, const char *url)
{
    static const char *const prefixes[] = { "${lb}/", "${primary}/", "${replica}/" };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strncmp(url, prefixes[i], strlen(prefixes[i])) == 0) {
            check_references(r, node, url, false);
            return;
        }
    }
    if (strncmp(url, "${", 2) == 0 && strchr(url, '}') != NULL && strncmp(strchr(url, '}'), "}/", 2) == 0) {
        check_references(r, node, url, false);
        return;
    }
    complain(r, node, NULL,
             "url begins with \"${lb}/\", \"${primary}/\" or \"${replica}/\": a run talks to nobody else");
}

/* A token of RFC 9110. */
static bool is_header_name(const char *text)
{
    static const char signs[] = "!#$%&'*+-.^_`|~";
    bool good = text[0] != '\0';
    for (; *text != '\0'; text++) {
        char c = *text;
        good = good && ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                        strchr(signs, c) != NULL);
    }
    return good;
}

/* What the engine says itself: where the message ends, and which operation it is. */
static bool header_is_engines(const char *name)
{
    static const char *const names[] = { "content-length", "transfer-encoding", "connection", "host",
                                         "x-request-id" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_equal_nocase(str_of(name), str_of(names[i]))) {
            return true;
        }
    }
    return false;
}

void read_headers(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario_step *step = target;
    if (node->kind != YAML_MAP || node->count > STEP_HEADERS_MAX) {
        complain(r, node, NULL, "headers takes at most %d names and values: { Authorization: Bearer x }",
                 STEP_HEADERS_MAX);
        return;
    }
    step->headers = mem_alloc_array(node->count + 1, sizeof(*step->headers));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->keys[i];
        const struct yaml_node *value = node->items[i];
        if (!is_header_name(key->text)) {
            complain(r, key, NULL, "\"%s\" cannot be the name of a header", key->text);
        } else if (header_is_engines(key->text)) {
            complain(r, key, NULL, "%s is set by the engine that runs the scenario; leave it out", key->text);
        } else if (reading_text(r, value, key->text) != NULL) {
            if (strpbrk(value->text, "\r\n") != NULL) {
                complain(r, value, NULL, "the value of a header is one line");
                continue;
            }
            check_references(r, value, value->text, false);
            step->headers[step->header_count++] = (struct scenario_setting){ .name = mem_strdup(key->text),
                                                                             .value = mem_strdup(value->text),
                                                                             .line = reading_line(r, key) };
        }
    }
}

void read_request(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario_step *step = target;
    keys_read(r, "request", "request", node, step, false);
    const struct yaml_node *method = yaml_get(node, "method");
    const struct yaml_node *url = yaml_get(node, "url");
    const struct yaml_node *json = yaml_get(node, "json");
    const struct yaml_node *body = yaml_get(node, "body");
    if (url != NULL && step->url != NULL) {
        check_url(r, url, step->url);
    }
    if (json != NULL && body != NULL) {
        complain(r, body, NULL, "a request has \"json\" or \"body\", not both");
        return;
    }
    if (json != NULL) {
        struct buf out;
        struct json_writer w;
        buf_init(&out, SCENARIO_FILE_MAX * 2);
        json_writer_init(&w, &out, 0);
        yaml_json_put(&w, json);
        step->body = mem_strdup(buf_text(&out));
        buf_deinit(&out);
        check_references(r, json, step->body, false);
    } else if (body != NULL && step->body != NULL) {
        check_references(r, body, step->body, false);
    }
    bool given = method != NULL && method->kind == YAML_SCALAR;
    step->method = mem_strdup(given ? method->text : json != NULL || body != NULL ? "POST" : "GET");
}

void read_assert(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario_step *step = target;
    if (!reading_is_list(r, node, "assert", SCENARIO_ITEMS_MAX)) {
        return;
    }
    read_claims(r, node, (struct expression_scope){ .in_step = true }, &step->assertions,
                &step->assertion_count);
}

void read_capture(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario_step *step = target;
    if (node->kind != YAML_MAP) {
        complain(r, node, NULL, "capture takes names and values: { coll: 'json(\"$.id\")' }");
        return;
    }
    step->captures = mem_alloc_array(node->count + 1, sizeof(*step->captures));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->keys[i];
        if (!name_is_plain(key->text)) {
            complain(r, key, NULL,
                     "a capture is named with letters, digits, \"-\" and \"_\", a letter first");
            continue;
        }
        if (r->capture_count == SCENARIO_CAPTURES_MAX) {
            complain(r, key, NULL, "more than %d captures in one file", SCENARIO_CAPTURES_MAX);
            continue;
        }
        r->captures[r->capture_count++] =
            key->text; /* even if its value is wrong: one mistake, one complaint */
        struct expression *e =
            read_expression(r, node->items[i], (struct expression_scope){ .in_step = true, .value = true });
        if (e != NULL) {
            step->captures[step->capture_count++] = (struct scenario_capture){
                .name = mem_strdup(key->text), .text = mem_strdup(node->items[i]->text), .expression = e
            };
        }
    }
}

void read_step_done_by(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario_step *step = target;
    size_t who = 0;
    (void)keys_read_choice(r, node, "done_by", "operator|harness", &who); /* has been checked */
    step->by_harness = who == 1;
}

void read_steps(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    if (!reading_is_list(r, node, "steps", SCENARIO_ITEMS_MAX)) {
        return;
    }
    s->steps = mem_alloc_array(node->count + 1, sizeof(*s->steps));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *map = node->items[i];
        struct scenario_step *step = &s->steps[s->step_count++];
        const struct yaml_node *name = yaml_get(map, "name");
        const struct yaml_node *request = yaml_get(map, "request");
        const struct yaml_node *run = yaml_get(map, "run");
        char title[128];
        (void)snprintf(title, sizeof(title), "step \"%.60s\"",
                       name != NULL && name->kind == YAML_SCALAR ? name->text : "?");
        *step = (struct scenario_step){ .timeout_ns = STEP_TIMEOUT_NS, .line = reading_line(r, map) };
        keys_read(r, "step", title, map, step, false);
        if (run != NULL && step->run != NULL) {
            check_references(r, run, step->run, true);
        }
        if (map->kind == YAML_MAP && (request == NULL) == (run == NULL)) {
            complain(r, request != NULL ? run : map, NULL, "%s needs \"request\" or \"run\", one of the two",
                     title);
        }
    }
}
