/* A YAML value as JSON: what is in quotes is a text, plain true, false, null and numbers are what they look
 * like, everything else is a text. */
#ifndef WALDRILL_HARNESS_SCENARIO_YAML_JSON_H
#define WALDRILL_HARNESS_SCENARIO_YAML_JSON_H

#include "base/json_writer.h"
#include "base/yaml_tree.h"

void yaml_json_put(struct json_writer *w, const struct yaml_node *node);

#endif
