/* See template.h. */
#include "reports/template.h"

#include "base/check.h"

/* See cmake/Embed.cmake. */
extern const unsigned char page_style[], page_charts[], page_lanes[], page_dom[], page_timeline[],
    uplot_style[], uplot_script[];
extern const size_t page_style_size, page_charts_size, page_lanes_size, page_dom_size, page_timeline_size,
    uplot_style_size, uplot_script_size;

struct embedded {
    const char *name;
    const unsigned char *bytes;
    const size_t *size;
};
static const struct embedded shared[] = {
    { "uplot_style", uplot_style, &uplot_style_size },
    { "uplot_script", uplot_script, &uplot_script_size },
    { "page_style", page_style, &page_style_size },
    { "page_charts", page_charts, &page_charts_size },
    { "page_lanes", page_lanes, &page_lanes_size },
    { "page_dom", page_dom, &page_dom_size },
    { "page_timeline", page_timeline, &page_timeline_size },
};

static bool find_shared(struct str name, struct str *part)
{
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        if (str_equal(name, str_of(shared[i].name))) {
            *part = str_make((const char *)shared[i].bytes, *shared[i].size);
            return true;
        }
    }
    return false;
}

struct str template_part(const char *name)
{
    struct str part = STR("");
    CHECK(find_shared(str_of(name), &part));
    return part;
}

static void put_mark(struct buf *out, struct str name, const struct template_mark *marks, size_t count)
{
    struct str part;
    for (size_t i = 0; i < count; i++) {
        if (str_equal(name, str_of(marks[i].name))) {
            buf_append_str(out, marks[i].text);
            return;
        }
    }
    CHECK(find_shared(name, &part));
    buf_append_str(out, part);
}

void template_fill(struct buf *out, struct str template, const struct template_mark *marks, size_t count)
{
    struct str rest = template;
    while (rest.size > 0) {
        const char *begin = memmem(rest.data, rest.size, "{{", 2);
        if (begin == NULL) {
            buf_append_str(out, rest);
            return;
        }
        buf_append(out, rest.data, (size_t)(begin - rest.data));
        rest = str_make(begin + 2, rest.size - (size_t)(begin - rest.data) - 2);
        const char *end = memmem(rest.data, rest.size, "}}", 2);
        CHECK(end != NULL);
        size_t length = (size_t)(end - rest.data);
        put_mark(out, str_make(rest.data, length), marks, count);
        rest = str_make(end + 2, rest.size - length - 2);
    }
}
