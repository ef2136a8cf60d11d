#include "base/str.h"

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c | 0x20);
    }
    return c;
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.size >= prefix.size && str_equal(str_make(s.data, prefix.size), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return suffix.size == 0 || (s.size >= suffix.size &&
                                str_equal(str_make(s.data + (s.size - suffix.size), suffix.size), suffix));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.size > 0 && is_blank(s.data[0])) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && is_blank(s.data[s.size - 1])) {
        s.size--;
    }
    return s;
}

struct str str_cut(struct str s, char separator, struct str *rest)
{
    const char *at = s.size == 0 ? NULL : memchr(s.data, separator, s.size);
    if (at == NULL) {
        *rest = str_make(NULL, 0);
        return s;
    }
    size_t before = (size_t)(at - s.data);
    *rest = str_make(at + 1, s.size - before - 1);
    return str_make(s.data, before);
}

int str_compare(struct str a, struct str b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}
