/* base/yaml_tree: what the scenario reader builds on, and what a hostile file must not do. */
#include "base/buf.h"
#include "base/memory.h"
#include "base/yaml_limits.h"
#include "base/yaml_tree.h"
#include "tests/lib/suite.h"
#include <stdio.h>

static struct yaml_problems problems;

static struct yaml_node *parse(const char *text)
{
    yaml_problems_deinit(&problems);
    return yaml_parse(str_of(text), &problems);
}

static bool complains(const char *text, const char *expected, unsigned line, unsigned column)
{
    struct yaml_node *root = parse(text);
    bool refused = root == NULL;
    yaml_free(root);
    bool found = false;
    for (size_t i = 0; i < problems.count; i++) {
        const struct yaml_problem *p = &problems.items[i];
        found = found || (strstr(p->text, expected) != NULL && p->line == line && p->column == column);
    }
    if (!found) {
        for (size_t i = 0; i < problems.count; i++) {
            const struct yaml_problem *p = &problems.items[i];
            (void)fprintf(stderr, "got %u:%u %s\n", p->line, p->column, p->text);
        }
    }
    yaml_problems_deinit(&problems);
    return refused && found;
}

static void nodes_know_their_place(void)
{
    struct yaml_node *root = parse("a: 1\nlist:\n  - x\n  - { k: 'quoted', e: }\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT(root->kind == YAML_MAP && root->count == 2);
    const struct yaml_node *list = yaml_get(root, "list");
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    CU_ASSERT(list->kind == YAML_LIST && list->count == 2);
    CU_ASSERT(list->items[0]->line == 3 && list->items[0]->column == 5);
    const struct yaml_node *quoted = yaml_get(list->items[1], "k");
    CU_ASSERT_PTR_NOT_NULL_FATAL(quoted);
    CU_ASSERT(quoted->quoted && strcmp(quoted->text, "quoted") == 0 && quoted->column == 10);
    CU_ASSERT(yaml_is_null(yaml_get(list->items[1], "e")));
    CU_ASSERT(!yaml_is_null(yaml_get(root, "a")));
    CU_ASSERT_PTR_NULL(yaml_get(root, "absent"));
    CU_ASSERT_PTR_NULL(yaml_get(list, "not a map"));
    yaml_free(root);
    yaml_problems_deinit(&problems);
}

static void what_the_subset_leaves_out_is_refused_with_its_place(void)
{
    CU_ASSERT(complains("a: &x 1\n", "anchors are not supported (&x)", 1, 4));
    CU_ASSERT(complains("a: 1\nb: *x\n", "aliases are not supported (*x)", 2, 4));
    CU_ASSERT(complains("a: !!str 1\n", "tags are not supported", 1, 4));
    CU_ASSERT(complains("a: 1\n<<: {b: 2}\n", "merge keys", 2, 1));
    CU_ASSERT(complains("a: 1\nb: 2\na: 3\n", "stands twice in one map (first in line 1)", 3, 1));
    CU_ASSERT(complains("x:\n  on: 3\n", "boolean to YAML 1.1", 2, 3));
    CU_ASSERT(complains("a: 1\n---\nb: 2\n", "one document", 2, 1));
    CU_ASSERT(complains("? [a]\n: b\n", "a key must be plain text", 1, 3));
    CU_ASSERT(complains("", "the file is empty", 1, 1));
    CU_ASSERT(complains("# only a comment\n", "the file is empty", 1, 1));
    CU_ASSERT(complains("a: \"x\\0y\"\n", "zero byte", 1, 4));
}

static void all_complaints_come_in_one_pass(void)
{
    struct yaml_node *root = parse("a: &x 1\nb: *x\na: 2\n");
    CU_ASSERT_PTR_NULL(root);
    CU_ASSERT_EQUAL(problems.count, 3);
    yaml_problems_deinit(&problems);
}

static void broken_yaml_is_placed(void)
{
    CU_ASSERT(complains("a: [1, 2\nb: 3\n", "not YAML", 2, 2));
    CU_ASSERT(complains("a:\n\tb: 1\n", "not YAML", 2, 1));
    CU_ASSERT(complains("a: \"open\n", "not YAML", 2, 1));
    CU_ASSERT(complains("a: 1\nb: \xff\xfe\n", "not YAML", 2, 4));
}

static void a_hostile_file_is_bounded(void)
{
    struct buf b;
    buf_init(&b, 4 * YAML_BYTES_MAX);
    for (int i = 0; i < 100000; i++) {
        buf_append_char(&b, '[');
    }
    CU_ASSERT(complains(buf_text(&b), "too deep", 1, YAML_DEPTH_MAX + 1));
    buf_clear(&b);
    buf_append_text(&b, "a: [");
    for (int i = 0; i < YAML_NODES_MAX; i++) {
        buf_append_text(&b, "1,");
    }
    buf_append_text(&b, "1]");
    struct yaml_node *root = yaml_parse(buf_str(&b), &problems);
    CU_ASSERT_PTR_NULL(root);
    CU_ASSERT(problems.count == 1 && strstr(problems.items[0].text, "too large") != NULL);
    yaml_problems_deinit(&problems);
    buf_clear(&b);
    for (int i = 0; i < YAML_KEYS_MAX + 1; i++) {
        buf_printf(&b, "k%d: 1\n", i);
    }
    CU_ASSERT(complains(buf_text(&b), "too many keys", YAML_KEYS_MAX + 1, 1));
    buf_clear(&b);
    while (b.size <= YAML_BYTES_MAX) {
        buf_append_char(&b, ' ');
    }
    CU_ASSERT(complains(buf_text(&b), "too large", 1, 1));
    buf_deinit(&b);
}

static void complaints_are_shown_with_line_and_caret(void)
{
    const char *source = "faults:\n    durning: \x1b[31m\n";
    struct buf out;
    buf_init(&out, 10000);
    yaml_problem_add(&problems, 9, 1, 1, NULL, "third");
    yaml_problem_add(&problems, 2, 5, 7, "did you mean \"during\"?", "unknown key \"%s\"", "durning");
    yaml_problem_add(&problems, 1, 1, 0, NULL, "first");
    yaml_problems_print(&problems, "s.yaml", str_of(source), 2, false, &out);
    CU_ASSERT_STRING_EQUAL(buf_text(&out),
                           "s.yaml:1:1: error: first\n"
                           "    1 | faults:\n"
                           "      | ^\n"
                           "s.yaml:2:5: error: unknown key \"durning\"\n"
                           "    2 |     durning: ?[31m\n"
                           "      |     ^^^^^^^ did you mean \"during\"?\n"
                           "and 1 more\n");
    buf_deinit(&out);
    yaml_problems_deinit(&problems);
}

static const struct suite_test tests[] = {
    { "nodes know their place", nodes_know_their_place },
    { "what the subset leaves out is refused with its place",
      what_the_subset_leaves_out_is_refused_with_its_place },
    { "all complaints come in one pass", all_complaints_come_in_one_pass },
    { "broken YAML is placed", broken_yaml_is_placed },
    { "a hostile file is bounded", a_hostile_file_is_bounded },
    { "complaints are shown with line and caret", complaints_are_shown_with_line_and_caret },
};

TEST_MAIN("base/yaml_tree", tests)
