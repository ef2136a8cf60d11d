/* Rule 25: a large answer goes through walproxy in pieces; its memory does not grow with it. */
#include "base/buf.h"
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/stage.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUND_MS     120000
#define MIB          (1024ul * 1024ul)
#define DOCUMENT     MIB
#define PER_ADD      20u
#define ADDS         10u
#define PROXY_KB_MAX (64ul * 1024ul)

/* Sanitizers keep shadows and freed memory: how much is resident says nothing there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_OURS false
#else
#define MEMORY_IS_OURS true
#endif

static void add_records(const struct stage *s, unsigned first, struct buf *body)
{
    char target[256];
    static char document[DOCUMENT];
    memset(document, 'x', sizeof(document));
    (void)snprintf(target, sizeof(target), "%s/add", s->path);
    buf_clear(body);
    for (unsigned i = 0; i < PER_ADD; i++) {
        buf_printf(body, "%s\"r%u\"", i == 0 ? "{\"ids\":[" : ",", first + i);
    }
    for (unsigned i = 0; i < PER_ADD; i++) {
        buf_append_text(body, i == 0 ? "],\"embeddings\":[[1,2,3]" : ",[1,2,3]");
    }
    for (unsigned i = 0; i < PER_ADD; i++) {
        buf_append_text(body, i == 0 ? "],\"documents\":[\"" : "\",\"");
        buf_append(body, document, sizeof(document));
    }
    buf_append_text(body, "\"]}");
    CU_ASSERT_EQUAL_FATAL(http_status(s->port, "POST", target, buf_text(body), BOUND_MS), 201);
}

static void fill(const struct stage *s)
{
    struct buf body;
    buf_init(&body, PER_ADD * 2 * DOCUMENT);
    for (unsigned add = 0; add < ADDS; add++) {
        add_records(s, add * PER_ADD, &body);
    }
    buf_deinit(&body);
}

/* The most that was ever resident, in kB; 0 when the kernel does not tell. */
static unsigned long peak_kb(const struct process *p)
{
    char path[64];
    char line[256];
    unsigned long kb = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)process_pid(p));
    FILE *file = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    while (kb == 0 && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kb = strtoul(line + 6, NULL, 10);
        }
    }
    (void)fclose(file);
    return kb;
}

static void test_large_answer(void)
{
    struct stage s;
    char directory[128];
    char primary[64];
    char url[320];
    char size[64] = "";
    char port[16] = "";
    stage_open(&s, false, 0);
    fill(&s);
    CU_ASSERT_TRUE_FATAL(temp_dir_make(directory, sizeof(directory)));
    (void)snprintf(primary, sizeof(primary), "http://127.0.0.1:%u", s.port);
    const char *const argv[] = {
        TEST_BIN_DIR "/walproxy", "--primary-url", primary, "--port", "0", "--wal-dir", directory,
        "--request-timeout",      "60s",           NULL
    };
    struct process *proxy = process_spawn(argv, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(proxy);
    CU_ASSERT_TRUE_FATAL(
        process_wait_line(proxy, "listening http://127.0.0.1:", port, sizeof(port), BOUND_MS));
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%lu%s/get", strtoul(port, NULL, 10), s.path);
    const char *const curl[] = { "/usr/bin/curl",
                                 "-s",
                                 "-o",
                                 "/dev/null",
                                 "-w",
                                 "%{http_code} %{size_download}",
                                 "-H",
                                 "content-type: application/json",
                                 "-d",
                                 "{}",
                                 url,
                                 NULL };
    CU_ASSERT_EQUAL(process_run(curl, NULL, size, sizeof(size), NULL, 0, BOUND_MS), 0);
    CU_ASSERT_EQUAL(strncmp(size, "200 ", 4), 0);
    CU_ASSERT(strtoul(size + 4, NULL, 10) > ADDS * PER_ADD * DOCUMENT);
    unsigned long kb = peak_kb(proxy);
    (void)printf("answer of %s bytes, walproxy at most %lu kB\n", size + 4, kb);
    CU_ASSERT(!MEMORY_IS_OURS || (kb > 0 && kb < PROXY_KB_MAX));
    process_free(proxy);
    temp_dir_remove(directory);
    stage_close(&s);
}

static const struct suite_test tests[] = {
    { "200 MiB pass through a walproxy that stays under 64", test_large_answer },
};

TEST_MAIN("proxy stream", tests)
