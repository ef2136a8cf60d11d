/* The one way a test program is written: a table of tests and TEST_MAIN.  Runs them under CUnit, names
 * each failure with file and line, and ends with "<program>: N passed, N failed" (tests, not asserts),
 * which scripts/test adds up.  With arguments only the tests whose names contain one of them run. */
#ifndef WALDRILL_TESTS_LIB_SUITE_H
#define WALDRILL_TESTS_LIB_SUITE_H

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stddef.h>

/* CUnit's own macro ends the test too, but no compiler can know: gcc's -Wnull-dereference would follow the
 * NULL into what comes behind. */
_Noreturn void suite_refuse_null(int line, const char *text, const char *file);
#undef CU_ASSERT_PTR_NOT_NULL_FATAL
#define CU_ASSERT_PTR_NOT_NULL_FATAL(value)                                                    \
    do {                                                                                       \
        if ((value) == NULL) {                                                                 \
            suite_refuse_null(__LINE__, "CU_ASSERT_PTR_NOT_NULL_FATAL(" #value ")", __FILE__); \
        }                                                                                      \
        CU_PASS("CU_ASSERT_PTR_NOT_NULL_FATAL(" #value ")");                                   \
    } while (0)

/* Is that part of what was said?  If not, both are shown. */
bool suite_says(const char *said, const char *part);
/* One line, and nothing behind it. */
bool suite_is_one_line(const char *said);

struct suite_test {
    const char *name; /* the behaviour: "a read in the window asks the primary" */
    void (*run)(void);
};

int suite_main(int argc, char **argv, const char *suite, const struct suite_test *tests, size_t count);

#define TEST_MAIN(suite, tests)                                                        \
    int main(int argc, char **argv)                                                    \
    {                                                                                  \
        return suite_main(argc, argv, suite, tests, sizeof(tests) / sizeof(tests[0])); \
    }

#endif
