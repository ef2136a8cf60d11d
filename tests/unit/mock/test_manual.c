/* docs/faults.md holds the tables of the parser. */
#include "base/buf.h"
#include "mockchroma/core/mock.h"
#include "tests/lib/manual.h"
#include "tests/lib/suite.h"

static void manual_is_current(void)
{
    struct buf tables;
    buf_init(&tables, (size_t)1 << 20);
    mock_fault_manual(&tables);
    CU_ASSERT(tables.size > 1000);
    manual_assert_current("faults.md", buf_str(&tables));
    buf_deinit(&tables);
}

static const struct suite_test tests[] = {
    { "docs/faults.md holds the parser's tables", manual_is_current },
};

TEST_MAIN("fault manual", tests)
