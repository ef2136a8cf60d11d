#include "tests/lib/suite.h"

#include <CUnit/CUError.h>
#include <CUnit/TestRun.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void suite_refuse_null(int line, const char *text, const char *file)
{
    (void)CU_assertImplementation(CU_FALSE, (unsigned)line, text, file, "", CU_TRUE);
    abort(); /* outside of a test: CUnit had nowhere to go back to */
}

static bool wanted(const char *name, int argc, char **argv)
{
    if (argc < 2) {
        return true;
    }
    for (int i = 1; i < argc; i++) {
        if (strstr(name, argv[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void report_failures(const char *test)
{
    for (CU_pFailureRecord f = CU_get_failure_list(); f != NULL; f = f->pNext) {
        (void)fprintf(stderr, "%s:%u: failed in \"%s\": %s\n", f->strFileName, f->uiLineNumber, test,
                      f->strCondition);
    }
}

int suite_main(int argc, char **argv, const char *suite, const struct suite_test *tests, size_t count)
{
    unsigned passed = 0;
    unsigned failed = 0;
    if (CU_initialize_registry() != CUE_SUCCESS) {
        (void)fprintf(stderr, "%s: CUnit: %s\n", suite, CU_get_error_msg());
        return 1;
    }
    CU_pSuite s = CU_add_suite(suite, NULL, NULL);
    for (size_t i = 0; s != NULL && i < count; i++) {
        if (!wanted(tests[i].name, argc, argv)) {
            continue;
        }
        CU_pTest t = CU_add_test(s, tests[i].name, tests[i].run);
        if (t == NULL || CU_run_test(s, t) != CUE_SUCCESS || CU_get_number_of_failures() > 0) {
            failed++;
            report_failures(tests[i].name);
        } else {
            passed++;
        }
    }
    CU_cleanup_registry();
    (void)printf("%s: %u passed, %u failed\n", suite, passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}

bool suite_says(const char *said, const char *part)
{
    if (strstr(said, part) == NULL) {
        (void)fprintf(stderr, "\"%s\" is not in:\n%s\n", part, said);
        return false;
    }
    return true;
}

bool suite_is_one_line(const char *said)
{
    const char *end = strchr(said, '\n');
    return end != NULL && end[1] == '\0';
}
