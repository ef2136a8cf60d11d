/* The runbook beside a scenario: found by walking up from its folder (there, or in scenarios/ below), read as
 * `waldrill coverage` reads it. A scenario without one is rehearsed all the same, only without the guide's
 * words. */
#include "harness/cli/rehearse.h"

#include "base/buf.h"
#include "base/memory.h"
#include <ctype.h>
#include <string.h>

#define GUIDE_LIST   "runbook.yaml"
#define GUIDE_LEVELS 4
#define GUIDE_BLOCK  ((size_t)64 << 10)

static struct runbook *load(const char *path)
{
    struct errmsg msg = { "" };
    struct yaml_problems problems = { 0 };
    size_t size = 0;
    char *text = scenario_read_file(path, &size, &msg);
    struct runbook *book = text == NULL ? NULL : runbook_load(path, str_make(text, size), &problems, &msg);
    yaml_problems_deinit(&problems); /* `waldrill coverage` tells them */
    mem_free(text);
    return book;
}

static struct runbook *load_below(const char *folder)
{
    static const char *const places[] = { GUIDE_LIST, "scenarios/" GUIDE_LIST };
    struct runbook *book = NULL;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && book == NULL; i++) {
        char path[CLI_PATH + 64];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, places[i]);
        book = load(path);
    }
    return book;
}

struct runbook *guide_find(const char *scenario_path)
{
    char folder[CLI_PATH];
    (void)snprintf(folder, sizeof(folder), "%s", scenario_path);
    for (unsigned level = 0; level < GUIDE_LEVELS; level++) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder) {
            return load_below(slash == NULL ? "." : "/");
        }
        *slash = '\0';
        struct runbook *book = load_below(folder);
        if (book != NULL) {
            return book;
        }
    }
    return NULL;
}

/* Text of the guide's lines from..to without their indentation. */
static char *lines_of(const struct runbook *b, unsigned from, unsigned to, size_t indent)
{
    struct str rest = str_make(b->guide, b->guide_size);
    struct buf out;
    buf_init(&out, GUIDE_BLOCK);
    for (unsigned number = 1; rest.size > 0 && number <= to; number++) {
        struct str line = str_cut(rest, '\n', &rest);
        size_t cut = 0;
        while (cut < indent && cut < line.size && line.data[cut] == ' ') {
            cut++;
        }
        if (number >= from) {
            buf_printf(&out, "%.*s\n", (int)(line.size - cut), line.data + cut);
        }
    }
    char *text = mem_strdup(buf_text(&out));
    buf_deinit(&out);
    return text;
}

/* The block around a line: its fences' lines and indentation; false when the line stands outside. */
static bool block_around(const struct runbook *b, unsigned wanted, unsigned *from, unsigned *to,
                         size_t *indent)
{
    struct str rest = str_make(b->guide, b->guide_size);
    unsigned begun = 0;
    for (unsigned number = 1; rest.size > 0; number++) {
        struct str line = str_cut(rest, '\n', &rest);
        struct str text = str_trim(line);
        if (begun == 0 && str_equal(text, STR("```bash"))) {
            begun = number;
            *indent = line.size - text.size;
        } else if (begun > 0 && str_equal(text, STR("```"))) {
            if (begun < wanted && wanted < number) {
                *from = begun + 1;
                *to = number - 1;
                return true;
            }
            begun = 0;
        }
    }
    return false;
}

char *guide_block(const struct runbook *b, const char *ids, unsigned *line)
{
    struct str rest = str_of(ids == NULL ? "" : ids);
    while (b != NULL && rest.size > 0) {
        const struct runbook_id *id = runbook_find(b, str_cut(rest, ' ', &rest));
        unsigned from;
        unsigned to;
        size_t indent = 0;
        if (id != NULL && block_around(b, id->from, &from, &to, &indent)) {
            *line = id->from;
            return lines_of(b, from, to, indent);
        }
    }
    return NULL;
}

/* "### Scenario 3: Replay Failures" begins with "scenario-3". */
static bool heading_is(struct str line, const char *fragment)
{
    struct str text = line;
    while (text.size > 0 && (text.data[0] == '#' || text.data[0] == ' ')) {
        text = str_make(text.data + 1, text.size - 1);
    }
    size_t at = 0;
    for (size_t i = 0; i < text.size && fragment[at] != '\0'; i++) {
        char c = (char)tolower((unsigned char)text.data[i]);
        c = c == ' ' ? '-' : c;
        if (isalnum((unsigned char)c) == 0 && c != '-') {
            continue;
        }
        if (c != fragment[at]) {
            return false;
        }
        at++;
    }
    return fragment[0] != '\0' && fragment[at] == '\0';
}

void guide_section(const struct runbook *b, const char *fragment, struct buf *out)
{
    struct str rest = b == NULL ? STR("") : str_make(b->guide, b->guide_size);
    size_t level = 0; /* of the heading that was found; 0 = not yet */
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        size_t marks = 0;
        while (marks < line.size && line.data[marks] == '#') {
            marks++;
        }
        if (level > 0 && marks > 1 && marks <= level) { /* one "#" is a comment of the shell */
            return;
        }
        if (level == 0 && marks > 1 && heading_is(line, fragment)) {
            level = marks;
        }
        if (level > 0) {
            buf_printf(out, "%.*s\n", STR_ARGS(line));
        }
    }
}
