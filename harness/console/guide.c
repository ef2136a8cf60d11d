/* See guide.h. */
#include "harness/console/guide.h"

#include "base/json_writer.h"
#include <ctype.h>

/* See cmake/Embed.cmake. */
extern const unsigned char console_guide[];
extern const size_t console_guide_size;

enum part { PART_NONE, PART_SYMPTOMS, PART_RESPONSE, PART_REST };

struct place {
    struct guide *guide;
    struct guide_scenario *scenario; /* NULL: before the first, or behind the last */
    enum part part;
};

/* "1. **Verify Primary Status**": the title; empty when it is no such line. */
static struct str step_title(struct str line)
{
    static const char mark[] = ". **";
    if (line.size < 6 || !isdigit((unsigned char)line.data[0]) || memcmp(line.data + 1, mark, 4) != 0 ||
        !str_ends(line, STR("**"))) {
        return STR("");
    }
    return str_make(line.data + 5, line.size - 7);
}

/* A slice grows to the end of a line; what it begins with begins it. */
static void grow(struct str *slice, struct str line)
{
    if (slice->size == 0) {
        *slice = line;
    } else {
        slice->size = (size_t)(line.data + line.size - slice->data);
    }
}

static bool heading(struct place *p, struct str line)
{
    if (!str_starts(line, STR("##"))) {
        return false;
    }
    struct str title;
    struct guide *g = p->guide;
    p->scenario = NULL;
    if (str_starts(line, STR("### Scenario ")) && g->count < GUIDE_SCENARIOS) {
        (void)str_cut(line, ':', &title);
        p->scenario = &g->scenarios[g->count++];
        p->scenario->title = str_trim(title);
        p->part = PART_NONE;
    }
    return true;
}

static void response_line(struct guide_scenario *s, struct str line)
{
    struct str title = step_title(line);
    if (title.size > 0 && s->step_count < GUIDE_STEPS) {
        s->steps[s->step_count++].title = title;
    } else if (s->step_count > 0 && str_trim(line).size > 0) {
        grow(&s->steps[s->step_count - 1].text, line);
    }
}

static void scenario_line(struct place *p, struct str line)
{
    struct guide_scenario *s = p->scenario;
    if (str_starts(line, STR("**Symptoms:**"))) {
        p->part = PART_SYMPTOMS;
    } else if (str_starts(line, STR("**Response:**"))) {
        p->part = PART_RESPONSE;
    } else if (str_starts(line, STR("**"))) {
        p->part = PART_REST;
        grow(&s->rest, line);
    } else if (p->part == PART_SYMPTOMS && str_starts(line, STR("- ")) && s->symptom_count < GUIDE_SYMPTOMS) {
        s->symptoms[s->symptom_count++] = str_make(line.data + 2, line.size - 2);
    } else if (p->part == PART_RESPONSE) {
        response_line(s, line);
    } else if (p->part == PART_REST && str_trim(line).size > 0) {
        grow(&s->rest, line);
    }
}

void guide_read(struct str text, struct guide *out)
{
    struct place place = { .guide = out };
    struct str rest = text;
    *out = (struct guide){ 0 };
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        if (!heading(&place, line) && place.scenario != NULL) {
            scenario_line(&place, line);
        }
    }
}

struct str guide_text(void)
{
    return str_make((const char *)console_guide, console_guide_size);
}

static void put_scenario(struct json_writer *w, const struct guide_scenario *s)
{
    json_object_begin(w);
    json_pair_str(w, "title", s->title);
    json_key(w, "symptoms");
    json_array_begin(w);
    for (size_t i = 0; i < s->symptom_count; i++) {
        json_put_str(w, s->symptoms[i]);
    }
    json_array_end(w);
    json_key(w, "steps");
    json_array_begin(w);
    for (size_t i = 0; i < s->step_count; i++) {
        json_object_begin(w);
        json_pair_str(w, "title", s->steps[i].title);
        json_pair_str(w, "text", s->steps[i].text);
        json_object_end(w);
    }
    json_array_end(w);
    json_pair_str(w, "rest", s->rest);
    json_object_end(w);
}

void guide_write(struct buf *out)
{
    struct json_writer w;
    struct guide guide;
    guide_read(guide_text(), &guide);
    json_writer_init(&w, out, 0);
    json_object_begin(&w);
    json_key(&w, "scenarios");
    json_array_begin(&w);
    for (size_t i = 0; i < guide.count; i++) {
        put_scenario(&w, &guide.scenarios[i]);
    }
    json_array_end(&w);
    json_pair_str(&w, "text", guide_text());
    json_object_end(&w);
}
