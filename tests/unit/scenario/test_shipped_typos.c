/* A person's slips: single letters lost, doubled, swapped or replaced in the keys, metrics, phases and alert
 * rules of the shipped scenarios.  Each wrong file is parsed as a whole, and the complaint must name the word
 * that was meant in at least 95 of 100.  A slip that makes another right word is none; everything comes from
 * one seed. */
#include "base/memory.h"
#include "base/prng.h"
#include "harness/scenario/keys.h"
#include "proxy/core/settings.h"
#include "tests/lib/suite.h"
#include "tests/unit/scenario/slip.h"
#include <glob.h>
#include <stdio.h>
#include <string.h>

#define SLIPS      500
#define TRIES      4000
#define WORDS_MAX  20000
#define LEAST      95 /* of 100 */
#define WORD_BYTES 96

struct word {
    size_t file;
    size_t at; /* offset in the file */
    size_t size;
};

struct corpus {
    char *paths[128];
    char *texts[128];
    size_t file_count;
    struct word words[WORDS_MAX];
    size_t word_count;
    struct prng prng;
};

/* --- finding words ----------------------------------------------------------------------------------------
 */

static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static bool ends_with(const char *line, size_t at, const char *before)
{
    size_t size = strlen(before);
    return at >= size && strncmp(line + at - size, before, size) == 0;
}

/* Keys of the language, not the names that a file gives to its loads and captures. */
static bool is_of_language(const char *word, size_t size)
{
    static const char *const others[] = { "op",  "collection", "id",     "from",   "to",  "over",
                                          "add", "upsert",     "update", "delete", "get", "query" };
    bool known = settings_find(str_make(word, size)) != NULL;
    for (size_t i = 0; i < key_table_size; i++) {
        known = known || str_equal(str_make(word, size), str_of(key_table[i].key));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        known = known || str_equal(str_make(word, size), str_of(others[i]));
    }
    return known;
}

static bool is_key(const char *line, size_t at, size_t size)
{
    bool begins = at == strspn(line, " ") || ends_with(line, at, "- ") || ends_with(line, at, "{ ") ||
                  ends_with(line, at, ", ");
    return begins && line[at + size] == ':' && size > 1 && is_of_language(line + at, size);
}

static bool is_metric(const char *word, size_t size)
{
    static const char *const heads[] = { "wal.", "lb.", "load.", "alerts." };
    const char *dot = memchr(word, '.', size);
    for (size_t i = 0; dot != NULL && i < sizeof(heads) / sizeof(heads[0]); i++) {
        if (strncmp(word, heads[i], strlen(heads[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The name of a phase or an alert rule stands behind these. */
static bool names_something(const char *line, size_t at)
{
    static const char *const before[] = { "during ", "after ", "during: ", "after: ", "at: ", "rule: " };
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        if (ends_with(line, at, before[i])) {
            return line[at] >= 'a' && line[at] <= 'z';
        }
    }
    return false;
}

static void add_words(struct corpus *c, size_t file, const char *line, size_t size)
{
    size_t indent = strspn(line, " ");
    bool prose = line[indent] == '#' || strncmp(line, "title:", 6) == 0 || strncmp(line, "runbook:", 8) == 0;
    for (size_t at = 0; !prose && at < size;) {
        size_t width = 0;
        while (at + width < size && in_word(line[at + width])) {
            width++;
        }
        bool wanted = width > 1 && width < WORD_BYTES &&
                      (is_key(line, at, width) || is_metric(line + at, width) || names_something(line, at));
        if (wanted && c->word_count < WORDS_MAX) {
            /* Of "outage.end" the phase is meant. */
            const char *dot = names_something(line, at) ? memchr(line + at, '.', width) : NULL;
            size_t meant = dot == NULL ? width : (size_t)(dot - line) - at;
            c->words[c->word_count++] =
                (struct word){ .file = file, .at = (size_t)(line - c->texts[file]) + at, .size = meant };
        }
        at += width > 0 ? width : 1;
    }
}

static void corpus_read(struct corpus *c)
{
    static const char *const folders[] = { "guide", "incidents", "repair", "settings", "chroma" };
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char pattern[512];
        glob_t files;
        (void)snprintf(pattern, sizeof(pattern), TEST_SOURCE_DIR "/scenarios/%s/*.yaml", folders[i]);
        CU_ASSERT_EQUAL_FATAL(glob(pattern, 0, NULL, &files), 0);
        for (size_t k = 0; k < files.gl_pathc && c->file_count < 128; k++) {
            struct errmsg msg = { "" };
            size_t size = 0;
            char *text = scenario_read_file(files.gl_pathv[k], &size, &msg);
            CU_ASSERT_PTR_NOT_NULL_FATAL(text);
            text[size] = '\0';
            c->paths[c->file_count] = mem_strdup(files.gl_pathv[k]);
            c->texts[c->file_count++] = text;
        }
        globfree(&files);
    }
    for (size_t i = 0; i < c->file_count; i++) {
        for (const char *line = c->texts[i]; *line != '\0';) {
            size_t size = strcspn(line, "\n");
            add_words(c, i, line, size);
            line += size + (line[size] == '\n' ? 1 : 0);
        }
    }
}

static void corpus_free(struct corpus *c)
{
    for (size_t i = 0; i < c->file_count; i++) {
        mem_free(c->paths[i]);
        mem_free(c->texts[i]);
    }
    mem_free(c);
}

enum slip_result { SLIP_RIGHT, SLIP_WRONG, SLIP_ANOTHER_WORD };

static enum slip_result judge(const struct corpus *c, const struct word *w, const char *word,
                              const char *typo)
{
    const char *text = c->texts[w->file];
    size_t size = strlen(text) + WORD_BYTES + 2;
    char *file = mem_alloc(size);
    (void)snprintf(file, size, "%.*s%s%s", (int)w->at, text, typo, text + w->at + w->size);
    struct yaml_problems problems = { 0 };
    struct scenario *s = scenario_parse(c->paths[w->file], str_of(file), &problems);
    char wanted[WORD_BYTES + 32];
    (void)snprintf(wanted, sizeof(wanted), "did you mean \"%s\"", word);
    enum slip_result result = s != NULL ? SLIP_ANOTHER_WORD : SLIP_WRONG;
    for (size_t i = 0; i < problems.count; i++) {
        const char *hint = problems.items[i].hint;
        if (hint != NULL && strstr(hint, wanted) != NULL) {
            result = SLIP_RIGHT;
        }
    }
    if (result == SLIP_WRONG) {
        (void)printf("  %s for %s in %s: %s (%s)\n", typo, word, strrchr(c->paths[w->file], '/') + 1,
                     problems.items[0].text, problems.items[0].hint == NULL ? "" : problems.items[0].hint);
    }
    scenario_free(s);
    yaml_problems_deinit(&problems);
    mem_free(file);
    return result;
}

static void slips(void)
{
    struct corpus *c = mem_alloc(sizeof(*c));
    size_t made = 0;
    size_t right = 0;
    size_t others = 0;
    corpus_read(c);
    prng_seed(&c->prng, 500);
    CU_ASSERT_TRUE_FATAL(c->word_count > 500 && c->word_count < WORDS_MAX);
    for (size_t i = 0; i < TRIES && made < SLIPS; i++) {
        const struct word *w = &c->words[prng_below(&c->prng, c->word_count)];
        char word[WORD_BYTES];
        char typo[WORD_BYTES + 2];
        (void)snprintf(word, sizeof(word), "%.*s", (int)w->size, c->texts[w->file] + w->at);
        if (!slip(&c->prng, word, typo, WORD_BYTES + 1)) {
            continue;
        }
        enum slip_result result = judge(c, w, word, typo);
        made += result != SLIP_ANOTHER_WORD ? 1 : 0;
        right += result == SLIP_RIGHT ? 1 : 0;
        others += result == SLIP_ANOTHER_WORD ? 1 : 0;
    }
    (void)printf(
        "typos: %zu, right suggestion %zu (%zu more made another right word, out of %zu words in %zu "
        "files)\n",
        made, right, others, c->word_count, c->file_count);
    CU_ASSERT_EQUAL(made, SLIPS);
    CU_ASSERT_TRUE(right * 100 >= made * LEAST);
    corpus_free(c);
}

static const struct suite_test tests[] = {
    { "a letter wrong in a shipped scenario: the right word is suggested", slips },
};
TEST_MAIN("typos in shipped scenarios", tests)
