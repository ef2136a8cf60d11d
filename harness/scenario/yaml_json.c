#include "harness/scenario/yaml_json.h"

#include "base/json_scan.h"
#include <string.h>

/* Is the whole text one JSON number? */
static bool is_json_number(const char *text)
{
    struct json_scan scan;
    bool starts = text[0] == '-' || (text[0] >= '0' && text[0] <= '9');
    return starts && strspn(text, "0123456789+-.eE") == strlen(text) && json_scan(str_of(text), &scan) == 0 &&
           scan.trailing == 0;
}

static void put_scalar(struct json_writer *w, const struct yaml_node *node)
{
    bool plain = !node->quoted;
    if (plain && yaml_is_null(node)) {
        json_put_null(w);
    } else if (plain && (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)) {
        json_put_bool(w, node->text[0] == 't');
    } else if (plain && is_json_number(node->text)) {
        json_put_raw(w, str_of(node->text));
    } else {
        json_put_str(w, str_make(node->text, node->text_size));
    }
}

void yaml_json_put(struct json_writer *w, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR) {
        put_scalar(w, node);
    } else if (node->kind == YAML_LIST) {
        json_array_begin(w);
        for (size_t i = 0; i < node->count; i++) {
            yaml_json_put(w, node->items[i]);
        }
        json_array_end(w);
    } else {
        json_object_begin(w);
        for (size_t i = 0; i < node->count; i++) {
            json_key_str(w, str_make(node->keys[i]->text, node->keys[i]->text_size));
            yaml_json_put(w, node->items[i]);
        }
        json_object_end(w);
    }
}
