/* The beginnings most tests of the core share: a collection on both instances, a write to it, whoever waits
 * is served; and the short ways to expect a call and to answer it. */
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <string.h>

#define TEXTS 8 /* results that may be held at once */

static char *next_text(void)
{
    static char texts[TEXTS][512];
    static unsigned turn;
    return texts[turn++ % TEXTS];
}

const char *driver_id(unsigned instance, unsigned nth)
{
    char *text = next_text();
    (void)snprintf(text, 512, "%08x-0000-4000-8000-%012u", instance == PRIMARY ? 0x11111111u : 0x22222222u,
                   nth);
    return text;
}

const char *driver_object(const char *id, const char *name)
{
    char *text = next_text();
    (void)snprintf(text, 512, "{\"id\":\"%s\",\"name\":\"%s\",\"metadata\":null,\"dimension\":null}", id,
                   name);
    return text;
}

void driver_make(struct driver *d, unsigned nth, const char *name)
{
    char body[256];
    CU_ASSERT_FATAL(d->made_count < DRIVER_MADE);
    d->made[d->made_count].name = name;
    d->made[d->made_count++].nth = nth;
    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
    uint64_t client = driver_send(d, "POST", C_PATH, body);
    for (unsigned i = 0; i < 2; i++) {
        if (d->up[i] && (i == PRIMARY || d->settings.replica_url[0] != '\0')) {
            driver_answer(d, driver_expect(d, i, "POST", "/collections"), 200,
                          driver_object(driver_id(i, nth), name));
        }
    }
    CU_ASSERT_EQUAL(driver_status(d, client), 200);
}

uint64_t driver_write(struct driver *d, unsigned nth, const char *verb, const char *record)
{
    char target[512];
    char body[512];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/%s", driver_id(PRIMARY, nth), verb);
    if (strcmp(verb, "delete") == 0) {
        (void)snprintf(body, sizeof(body), "{\"ids\":[\"%s\"]}", record);
    } else {
        (void)snprintf(body, sizeof(body), "{\"ids\":[\"%s\"],\"embeddings\":[[1.0]]}", record);
    }
    return driver_send(d, "POST", target, body);
}

void driver_fall_behind(struct driver *d, unsigned writes)
{
    driver_down(d, PRIMARY);
    for (unsigned i = 0; i < writes; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "r%u", i);
        (void)driver_write(d, 1, "upsert", id);
        driver_answer(d, driver_expect(d, REPLICA, "POST", "/upsert"), 200, "{}");
    }
}

size_t driver_serve(struct driver *d, unsigned instance)
{
    size_t served = 0;
    struct driver_call *call;
    while ((call = driver_next(d, instance)) != NULL) {
        CU_ASSERT_FATAL(served < DRIVER_CALLS);
        bool add = strstr(call->request, "/add\n") != NULL;
        driver_answer(d, call, add ? 201 : 200, "{}");
        served++;
    }
    return served;
}

bool driver_is_fence(const struct driver_call *call)
{
    return call != NULL && strcmp(call->body, "{\"ids\":[],\"embeddings\":[]}") == 0;
}

void driver_answer(struct driver *d, struct driver_call *call, int status, const char *body)
{
    driver_answer_with(d, call, status, "content-type: application/json\r\n", body);
}

static bool is_like(const struct driver_call *call, const char *method, const char *tail)
{
    struct str rest = str_of(call->request);
    struct str line = str_cut(rest, '\n', &rest);
    struct str target;
    struct str query;
    struct str verb = str_cut(line, ' ', &target);
    target = str_cut(target, '?', &query);
    size_t size = strlen(tail);
    return str_equal(verb, str_of(method)) && target.size >= size &&
           memcmp(target.data + target.size - size, tail, size) == 0;
}

struct driver_call *driver_expect(struct driver *d, unsigned instance, const char *method, const char *tail)
{
    struct driver_call *call = driver_next(d, instance);
    if (call == NULL || !is_like(call, method, tail)) {
        (void)printf("    expected %s ...%s at instance %u, saw %s\n", method, tail, instance,
                     call == NULL ? "nothing" : call->request);
    }
    CU_ASSERT_FATAL(call != NULL && is_like(call, method, tail));
    return call;
}
