/* The clock that leaps, and the question whether the libraries follow it. */
#include "harness/leap/clock.h"
#include "harness/leap/selftest.h"

#include "base/units.h"
#include "tests/lib/suite.h"

#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t ns_of(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

static uint64_t told(clockid_t id)
{
    struct timespec t = { 0, 0 };
    CU_ASSERT_EQUAL(clock_gettime(id, &t), 0);
    return ns_of(&t);
}

static uint64_t of_kernel(clockid_t id)
{
    struct timespec t = { 0, 0 };
    CU_ASSERT_EQUAL(syscall(SYS_clock_gettime, id, &t), 0);
    return ns_of(&t);
}

static void forward(uint64_t ns)
{
    leap_clock_to(leap_clock_ns() + ns);
}

static void stay(uint64_t ns)
{
    (void)ns;
}

/* Whatever is asked for lies between two answers of the kernel. */
static void is_the_kernels(void)
{
    const clockid_t ids[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID };
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        uint64_t before_ns = of_kernel(ids[i]);
        uint64_t told_ns = told(ids[i]);
        CU_ASSERT_TRUE(before_ns <= told_ns && told_ns <= of_kernel(ids[i]));
    }
    time_t before = (time_t)(of_kernel(CLOCK_REALTIME) / NS_PER_S);
    time_t now = time(NULL);
    CU_ASSERT_TRUE(before <= now && now <= (time_t)(of_kernel(CLOCK_REALTIME) / NS_PER_S));
}

static void test_off(void)
{
    leap_clock_start();
    is_the_kernels();
}

static void *another_thread(void *unused)
{
    is_the_kernels();
    return unused;
}

static void test_on(void)
{
    pthread_t thread;
    leap_clock_start();
    CU_ASSERT_FALSE(leap_clock_switch(true));
    uint64_t mono_ns = told(CLOCK_MONOTONIC);
    uint64_t wall_ns = told(CLOCK_REALTIME);
    CU_ASSERT_EQUAL(told(CLOCK_MONOTONIC), mono_ns); /* it stands */
    CU_ASSERT_EQUAL(wall_ns, UINT64_C(1767225600) * NS_PER_S);
    forward(3600 * NS_PER_S);
    CU_ASSERT_EQUAL(told(CLOCK_MONOTONIC_COARSE), mono_ns + 3600 * NS_PER_S);
    CU_ASSERT_EQUAL(told(CLOCK_REALTIME), wall_ns + 3600 * NS_PER_S);
    CU_ASSERT_EQUAL(time(NULL), 1767225600 + 3600);
    leap_clock_to(mono_ns); /* never back */
    CU_ASSERT_EQUAL(told(CLOCK_MONOTONIC), mono_ns + 3600 * NS_PER_S);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, another_thread, NULL), 0);
    (void)pthread_join(thread, NULL);
    CU_ASSERT_TRUE(leap_clock_switch(false));
    is_the_kernels();
}

static void test_libraries_follow(void)
{
    struct errmsg msg = { "" };
    leap_clock_start();
    (void)leap_clock_switch(true);
    int rv = leap_selftest(forward, &msg);
    (void)leap_clock_switch(false);
    CU_ASSERT_EQUAL(rv, 0);
    CU_ASSERT_STRING_EQUAL(msg.text, "");
}

/* As in a program whose clock the libraries do not see. */
static void test_libraries_stay(void)
{
    struct errmsg msg = { "" };
    leap_clock_start();
    (void)leap_clock_switch(true);
    int rv = leap_selftest(stay, &msg);
    (void)leap_clock_switch(false);
    CU_ASSERT_EQUAL(rv, ERR_UNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "libmicrohttpd does not follow the clock"));
}

static const struct suite_test tests[] = {
    { "off, everybody is told the kernel's time", test_off },
    { "on, time stands but for leaps, in its own thread only", test_on },
    { "libmicrohttpd and libcurl follow it", test_libraries_follow },
    { "a library that does not follow is named", test_libraries_stay },
};
TEST_MAIN("leap/clock", tests)
