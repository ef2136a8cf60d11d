#include "mockchroma/core/fault_values.h"

#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"

static const char *const ramp_keys[] = { "from", "to", "over" };

int fault_wrong(struct errmsg *msg, const char *key, const char *expected)
{
    return error_set(msg, ERR_INVALID, "\"%s\" must be %s", key, expected);
}

int fault_read_text(const char *key, json_t *v, char **out, struct errmsg *msg)
{
    if (json_is_string(v)) {
        mem_free(*out);
        *out = mem_strndup(json_string_value(v), json_string_length(v));
        return 0;
    }
    if (json_is_object(v) || json_is_array(v)) { /* a body written as JSON */
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        if (text == NULL) {
            return error_set(msg, ERR_NOMEM, "\"%s\": out of memory", key);
        }
        mem_free(*out);
        *out = mem_strdup(text);
        free(text);
        return 0;
    }
    return fault_wrong(msg, key, "a text");
}

int fault_read_count(const char *key, json_t *v, uint64_t low, uint64_t high, uint64_t *out,
                     struct errmsg *msg)
{
    uint64_t value = 0;
    if (json_is_integer(v) && json_integer_value(v) >= 0) {
        value = (uint64_t)json_integer_value(v);
    } else if (!json_is_string(v) || units_parse_u64(str_of(json_string_value(v)), &value, NULL) != 0) {
        return fault_wrong(msg, key, "a whole number");
    }
    if (value < low || value > high) {
        return error_set(msg, ERR_INVALID, "\"%s\" must be from %llu to %llu", key, (unsigned long long)low,
                         (unsigned long long)high);
    }
    *out = value;
    return 0;
}

int fault_read_duration(const char *key, json_t *v, uint64_t *out, struct errmsg *msg)
{
    if (!json_is_string(v)) {
        return fault_wrong(msg, key, "a duration with a unit, as \"250ms\" or \"30s\"");
    }
    int rc = units_parse_duration(str_of(json_string_value(v)), 0, out, msg);
    return rc == 0 ? 0 : error_wrap(msg, rc, "\"%s\"", key);
}

int fault_read_size(const char *key, json_t *v, uint64_t *out, struct errmsg *msg)
{
    if (!json_is_string(v)) {
        return fault_wrong(msg, key, "a size with a unit, as \"60B\" or \"4KB\"");
    }
    struct str text = str_of(json_string_value(v));
    if (str_ends(text, STR("/s"))) {
        text.size -= 2;
    }
    int rc = units_parse_size(text, false, out, msg);
    return rc == 0 ? 0 : error_wrap(msg, rc, "\"%s\"", key);
}

int fault_read_share(const char *key, json_t *v, uint64_t *out, struct errmsg *msg)
{
    double share = 0;
    if (json_is_number(v)) {
        share = json_number_value(v);
    } else if (!json_is_string(v)) {
        return fault_wrong(msg, key, "a share, as \"60%\" or 0.6");
    } else {
        int rc = units_parse_share(str_of(json_string_value(v)), true, &share, msg);
        if (rc != 0) {
            return error_wrap(msg, rc, "\"%s\"", key);
        }
    }
    if (!(share >= 0 && share <= 1)) {
        return fault_wrong(msg, key, "a share from 0 to 1, or from 0% to 100%");
    }
    *out = (uint64_t)(share * (double)SHARE_ONE + 0.5);
    return 0;
}

int fault_read_choice(const char *key, const char *choices, json_t *v, uint64_t *out, struct errmsg *msg)
{
    struct str rest = str_of(choices);
    struct str text = str_of(json_string_value(v));
    for (uint64_t i = 0; json_is_string(v) && rest.data != NULL; i++) {
        if (str_equal(str_cut(rest, '|', &rest), text)) {
            *out = i;
            return 0;
        }
    }
    return error_set(msg, ERR_INVALID, "\"%s\" must be one of %s", key, choices);
}

int fault_unknown_key(const char *what, const char *key, const char *const *names, size_t count,
                      struct errmsg *msg)
{
    const char *near = suggest_name(str_of(key), names, count);
    return error_set(msg, ERR_INVALID, "unknown key \"%s\" in %s%s%s%s", key, what,
                     near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                     near == NULL ? "" : "\"?");
}

int fault_read_ramp(const char *key, json_t *v, bool time, struct fault_ramp *out, struct errmsg *msg)
{
    const char *name;
    json_t *item;
    int rc = 0;
    if (!json_is_object(v)) {
        return fault_wrong(msg, key, "an object {from, to, over}");
    }
    out->given = true;
    json_object_foreach(v, name, item)
    {
        if (strcmp(name, "over") == 0) {
            rc = fault_read_duration(name, item, &out->over_ns, msg);
        } else if (strcmp(name, "from") == 0 || strcmp(name, "to") == 0) {
            uint64_t *end = name[0] == 'f' ? &out->from : &out->to;
            rc = time ? fault_read_duration(name, item, end, msg) : fault_read_share(name, item, end, msg);
        } else {
            rc = fault_unknown_key(key, name, ramp_keys, 3, msg);
        }
        if (rc != 0) {
            return error_wrap(msg, rc, "\"%s\"", key);
        }
    }
    if (json_object_get(v, "over") == NULL || json_object_get(v, "from") == NULL) {
        return error_set(msg, ERR_INVALID, "\"%s\" needs \"from\" and \"over\"", key);
    }
    return 0;
}
