/* See exposition.h. */
#include "base/exposition.h"

#include "base/units.h"

static struct str from(struct str s, size_t at)
{
    return str_make(s.data + at, s.size - at);
}

/* The quote that closes the one at 0; s.size: none does. */
static size_t quote_end(struct str s)
{
    size_t at = 1;
    while (at < s.size && s.data[at] != '"') {
        at += s.data[at] == '\\' ? 2 : 1;
    }
    return at < s.size ? at : s.size;
}

/* The brace that closes the one at 0; s.size: none does. */
static size_t brace_end(struct str s)
{
    size_t at = 1;
    while (at < s.size && s.data[at] != '}') {
        at += s.data[at] == '"' ? quote_end(from(s, at)) : 0;
        at++;
    }
    return at < s.size ? at : s.size;
}

static bool take_sample(struct str line, struct exposition_sample *sample)
{
    size_t at = 0;
    while (at < line.size && line.data[at] != '{' && line.data[at] != ' ' && line.data[at] != '\t') {
        at++;
    }
    if (at == 0 || at == line.size || line.data[0] == '#') {
        return false;
    }
    sample->name = str_make(line.data, at);
    sample->labels = str_make(line.data + at, 0);
    if (line.data[at] == '{') {
        size_t end = brace_end(from(line, at));
        if (at + end == line.size) {
            return false;
        }
        sample->labels = str_make(line.data + at + 1, end - 1);
        at += end + 1;
    }
    sample->series = str_make(line.data, at);
    struct str time; /* may follow the value */
    struct str value = str_cut(str_trim(from(line, at)), ' ', &time);
    return units_parse_double(value, &sample->value, NULL) == 0;
}

bool exposition_next(struct str *text, struct exposition_sample *sample)
{
    while (text->size > 0) {
        struct str line = str_trim(str_cut(*text, '\n', text));
        if (take_sample(line, sample)) {
            return true;
        }
    }
    return false;
}

bool exposition_label(const struct exposition_sample *sample, const char *label, struct str *value)
{
    struct str rest = sample->labels;
    while (rest.size > 0) {
        struct str name = str_trim(str_cut(rest, '=', &rest));
        size_t end = rest.size > 0 && rest.data[0] == '"' ? quote_end(rest) : rest.size;
        if (end == rest.size) {
            return false;
        }
        if (str_equal(name, str_of(label))) {
            *value = str_make(rest.data + 1, end - 1);
            return true;
        }
        (void)str_cut(from(rest, end), ',', &rest);
    }
    return false;
}

bool exposition_find(struct str text, const char *series, double *value)
{
    struct exposition_sample sample;
    while (exposition_next(&text, &sample)) {
        if (str_equal(sample.series, str_of(series))) {
            *value = sample.value;
            return true;
        }
    }
    return false;
}
