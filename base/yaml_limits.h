/* What a YAML file may hold at most. Reaching one is a complaint with its place, never growth. */
#ifndef WALDRILL_BASE_YAML_LIMITS_H
#define WALDRILL_BASE_YAML_LIMITS_H

enum {
    YAML_BYTES_MAX = 1 << 20,
    YAML_DEPTH_MAX = 64,
    YAML_NODES_MAX = 100000,
    YAML_KEYS_MAX = 1000,     /* of one map; repeated keys are looked for one by one */
    YAML_PROBLEMS_MAX = 1000, /* complaints after which reading ends */
};

#endif
