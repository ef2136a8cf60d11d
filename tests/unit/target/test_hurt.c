/* Commands that stop and start, and the lock with its notes: with real shells and a real file. */
#include "harness/real/folders.h"
#include "harness/target/hurt.h"
#include "harness/target/lock.h"
#include "tests/lib/suite.h"

#include "base/memory.h"
#include "base/units.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/waldrill-hurt-XXXXXX";
static char path[] = "t.yaml";
static char name[] = "unit";
static struct target_file file;
static struct errmsg msg;

static struct hurt *primary_with(const char *stop, const char *start)
{
    file = (struct target_file){ .path = path, .name = name };
    file.places[TARGET_PRIMARY].stop = mem_strdup(stop);
    file.places[TARGET_PRIMARY].start = mem_strdup(start);
    file.places[TARGET_PRIMARY].timeout_ns = 10 * NS_PER_S;
    return hurts_new(&file, folder);
}

static void over(struct hurt *hurts)
{
    mem_free(file.places[TARGET_PRIMARY].stop);
    mem_free(file.places[TARGET_PRIMARY].start);
    mem_free(hurts);
}

/* Until the command has ended: each has a bound of its own. */
static int await(struct hurt *h)
{
    int rv = 0;
    while (rv == 0 && (h->state == HURT_STOPPING || h->state == HURT_STARTING)) {
        child_wait_ms(5);
        rv = hurt_poll(h, &msg);
    }
    return rv;
}

static bool exists(const char *what)
{
    char where[256];
    (void)snprintf(where, sizeof(where), "%s/%s", folder, what);
    return access(where, F_OK) == 0;
}

static void test_stop_and_start(void)
{
    char stop[256];
    char start[256];
    (void)snprintf(stop, sizeof(stop), "touch %s/stopped", folder);
    (void)snprintf(start, sizeof(start), "rm %s/stopped", folder);
    struct hurt *hurts = primary_with(stop, start);
    struct hurt *h = &hurts[TARGET_PRIMARY];
    CU_ASSERT_EQUAL(hurt_stop(h, &msg), 0);
    CU_ASSERT_EQUAL(hurt_stop(h, &msg), ERR_STATE);
    CU_ASSERT_EQUAL(hurt_start(h, &msg), 0); /* while it stops: afterwards */
    CU_ASSERT_EQUAL(await(h), 0);
    CU_ASSERT_EQUAL(h->state, HURT_RUNS);
    CU_ASSERT_FALSE(exists("stopped"));
    CU_ASSERT_EQUAL(hurt_stop(h, &msg), 0);
    CU_ASSERT_EQUAL(await(h), 0);
    CU_ASSERT_EQUAL(h->state, HURT_STOPPED);
    CU_ASSERT_TRUE(exists("stopped"));
    CU_ASSERT_EQUAL(hurt_mend(h, &msg), 0);
    CU_ASSERT_EQUAL(h->state, HURT_RUNS);
    CU_ASSERT_FALSE(exists("stopped"));
    over(hurts);
}

static void test_failures(void)
{
    struct hurt *hurts = primary_with("echo no such unit >&2; exit 3", "sleep 60");
    struct hurt *h = &hurts[TARGET_PRIMARY];
    CU_ASSERT_EQUAL(hurt_stop(h, &msg), 0);
    CU_ASSERT_EQUAL(await(h), ERR_STATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "stop-primary ended with status 3: no such unit"));
    file.places[TARGET_PRIMARY].timeout_ns = NS_PER_S / 10;
    CU_ASSERT_EQUAL(hurt_mend(h, &msg), ERR_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(msg.text, "the command that starts the primary did not end within 100ms");
    CU_ASSERT_EQUAL(hurt_stop(&hurts[TARGET_REPLICA], &msg), ERR_UNSUPPORTED);
    CU_ASSERT_STRING_EQUAL(msg.text, "the target file has no command to stop the replica");
    over(hurts);
}

static void test_lock(void)
{
    struct target_lock first = { .fd = -1 };
    struct target_lock second = { .fd = -1 };
    bool stopped[TARGET_PLACES] = { false };
    file = (struct target_file){ .path = path, .name = name };
    CU_ASSERT_EQUAL(lock_take(&first, &file, false, 0, &msg), 0);
    CU_ASSERT_EQUAL(lock_take(&second, &file, false, 0, &msg), ERR_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "waldrill heal t.yaml stops it"));
    CU_ASSERT_FALSE(lock_stop_asked(&first));
    CU_ASSERT_EQUAL(lock_ask_stop(&file, &msg), 0);
    CU_ASSERT_TRUE(lock_stop_asked(&first));
    lock_note(&first, "run", TARGET_LB);
    lock_note(&first, "stop", TARGET_PRIMARY);
    lock_note(&first, "stop", TARGET_REPLICA);
    lock_note(&first, "start", TARGET_PRIMARY);
    lock_release(&first); /* as a sudden end does */
    CU_ASSERT_EQUAL(lock_take(&second, &file, false, 0, &msg), ERR_STATE);
    CU_ASSERT_EQUAL(lock_take(&second, &file, true, 0, &msg), 0);
    CU_ASSERT_FALSE(lock_stop_asked(&second)); /* it was for the one before */
    lock_stopped(&second, stopped);
    CU_ASSERT_FALSE(stopped[TARGET_LB]);
    CU_ASSERT_FALSE(stopped[TARGET_PRIMARY]);
    CU_ASSERT_TRUE(stopped[TARGET_REPLICA]);
    lock_clear(&second);
    lock_release(&second);
    CU_ASSERT_EQUAL(lock_take(&first, &file, false, 0, &msg), 0);
    (void)unlink(first.path);
    lock_release(&first);
}

static const struct suite_test tests[] = {
    { "a place is stopped, and started once that is done", test_stop_and_start },
    { "a command that fails or does not end says so", test_failures },
    { "one rehearsal at a time, and the next knows what was left", test_lock },
};

int main(int argc, char **argv)
{
    if (mkdtemp(folder) == NULL || setenv("XDG_RUNTIME_DIR", folder, 1) != 0) {
        return 1;
    }
    int status = suite_main(argc, argv, "target_hurt", tests, sizeof(tests) / sizeof(tests[0]));
    return folder_remove(folder, NULL) == 0 ? status : 1;
}
