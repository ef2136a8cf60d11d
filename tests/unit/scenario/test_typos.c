/* The typo corpus: every key of every section, every setting and every metric, each with one random edit
 * (a letter lost, doubled, replaced, two swapped).  The share of right suggestions is printed; below 95 % the
 * test fails.  The edits come from a seed, so a failure can be looked into. */
#include "base/prng.h"
#include "harness/scenario/keys.h"
#include "proxy/core/settings.h"
#include "tests/lib/suite.h"
#include "tests/unit/scenario/slip.h"
#include <stdio.h>
#include <string.h>

#define ROUNDS 5

struct tally {
    struct prng prng;
    size_t tried;
    size_t right;
};

/* One edit; the result is never the name itself. */
static void edit(struct prng *prng, const char *name, char *out, size_t size)
{
    while (!slip(prng, name, out, size) || out[0] == '\0' || strpbrk(out, ".") == out) {
    }
}

static void count(struct tally *t, bool right, const char *typo, const char *name, const char *got)
{
    t->tried++;
    t->right += right;
    if (!right) {
        (void)printf("  \"%s\" for \"%s\": %s\n", typo, name, got);
    }
}

/* A file in which one key of a section stands; %s is the key. */
static const struct {
    const char *section;
    const char *file;
} templates[] = {
    { "scenario", "%s: x\n" },
    { "limits", "limits: { %s: 5m }\n" },
    { "topology", "topology: { %s: {} }\n" },
    { "instance", "topology: { primary: { %s: none } }\n" },
    { "phase", "phases: [ { %s: 5m } ]\n" },
    { "load", "load: { w: { %s: 5 } }\n" },
    { "fault", "faults: [ { name: x, target: primary, do: refuse, %s: 5s } ]\n" },
    { "restart", "faults: [ { name: x, target: primary, do: kill, restart: { %s: 5s } } ]\n" },
    { "step", "steps: [ { %s: x } ]\n" },
    { "request", "steps: [ { name: x, request: { %s: x } } ]\n" },
    { "alerts", "alerts: { %s: [] }\n" },
    { "expect_if", "expect_if: [ { %s: x } ]\n" },
    { "alert", "alerts: { must_fire: [ { %s: x } ] }\n" },
    { "claim", "expect: [ { %s: x } ]\n" },
    { "balancer", "topology: { lb: { %s: x } }\n" },
    { "lb", "topology: { lb: { %s: 5s } }\n" },
};

static bool is_known(const char *section, const char *name)
{
    if (strcmp(section, "lb") != 0) {
        return keys_find(section, str_of(name)) != NULL;
    }
    for (size_t i = 0; i < settings_table_size; i++) {
        if (str_equal_nocase(str_of(settings_table[i].name), str_of(name))) {
            return true;
        }
    }
    return false;
}

static void try_key(struct tally *t, const char *section, const char *name)
{
    char typo[80];
    char file[400];
    const char *template = NULL;
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        template = strcmp(templates[i].section, section) == 0 ? templates[i].file : template;
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(template);
    edit(&t->prng, name, typo, sizeof(typo));
    if (is_known(section, typo)) {
        return; /* another right name */
    }
    const char *hole = strstr(template, "%s");
    (void)snprintf(file, sizeof(file), "%.*s\"%s\"%s", (int)(hole - template), template, typo, hole + 2);
    struct yaml_problems problems = { 0 };
    struct scenario *s = scenario_parse("typo.yaml", str_of(file), &problems);
    CU_ASSERT_PTR_NULL(s);
    char wanted[100];
    char quoted[100];
    const char *got = "no complaint";
    bool right = false;
    (void)snprintf(wanted, sizeof(wanted), "did you mean \"%s\"?", name);
    (void)snprintf(quoted, sizeof(quoted), "unknown key \"%s\"", typo);
    for (size_t i = 0; i < problems.count; i++) {
        if (strstr(problems.items[i].text, quoted) != NULL) {
            got = problems.items[i].hint == NULL ? "no hint" : problems.items[i].hint;
            right = strstr(got, wanted) != NULL;
        }
    }
    count(t, right, typo, name, got);
    yaml_problems_deinit(&problems);
}

static void try_metric(struct tally *t, const char *name)
{
    static const char *const loads[] = { "writer", "reader" };
    struct expression_scope scope = { .loads = loads, .load_count = 2 };
    struct expression_error error;
    char typo[100];
    char text[140];
    edit(&t->prng, name, typo, sizeof(typo));
    (void)snprintf(text, sizeof(text), "max(%s) > 5", typo);
    struct expression *e = expression_parse(str_of(text), &scope, &error);
    char wanted[140];
    (void)snprintf(wanted, sizeof(wanted), "did you mean \"%s\" (", name);
    bool swapped_dot = strstr(typo, "..") != NULL || typo[strlen(typo) - 1] == '.';
    if (!swapped_dot) { /* that is a mistake of shape, not of a name */
        count(t, e == NULL && strstr(error.hint, wanted) != NULL, typo, name,
              e == NULL ? error.hint : "accepted");
    }
    expression_free(e);
}

static void corpus(void)
{
    struct tally t = { .tried = 0 };
    prng_seed(&t.prng, 2024);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < key_table_size; i++) {
            try_key(&t, key_table[i].section, key_table[i].key);
        }
        for (size_t i = 0; i < settings_table_size; i++) {
            static const char *const engines[] = { "PRIMARY_URL", "REPLICA_URL", "LISTEN", "WAL_DIR",
                                                   "TIME_SCALE",  "HOST",        "PORT" };
            bool skip = false;
            char name[64] = "";
            for (size_t k = 0; k < sizeof(engines) / sizeof(engines[0]); k++) {
                skip = skip || strcmp(settings_table[i].name, engines[k]) == 0;
            }
            for (size_t k = 0; settings_table[i].name[k] != '\0' && k + 1 < sizeof(name); k++) {
                char c = settings_table[i].name[k];
                name[k] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
            }
            if (!skip) {
                try_key(&t, "lb", name);
            }
        }
        for (size_t i = 0; i < metric_table_size; i++) {
            char name[100];
            const char *star = strchr(metric_table[i].name, '*');
            (void)snprintf(name, sizeof(name), "%.*s%s%s", star == NULL ? 0 : 5, metric_table[i].name,
                           star == NULL ? metric_table[i].name : "writer", star == NULL ? "" : star + 1);
            try_metric(&t, name);
        }
    }
    (void)printf("typo corpus: %zu mistakes, %zu right suggestions, %.1f %%\n", t.tried, t.right,
                 100.0 * (double)t.right / (double)t.tried);
    CU_ASSERT_TRUE(t.tried >= 500);
    CU_ASSERT_TRUE(t.right * 100 >= t.tried * 95);
}

static const struct suite_test tests[] = {
    { "one letter wrong: the right name is suggested", corpus },
};
TEST_MAIN("scenario typos", tests)
