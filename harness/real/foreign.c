/* Starting what does not tell that it is ready.
 *
 * A port is chosen by asking the kernel for a free one and giving it back; somebody else may take it in
 * between, then the program says so and ends, and the run with it: nothing is judged on half a stack. */
#include "harness/real/foreign.h"

#include "base/buf.h"
#include "base/str.h"
#include "harness/real/control.h"
#include "harness/real/folders.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define FOREIGN_READY_MS   60000
#define FOREIGN_POLL_MS    20
#define FOREIGN_PORT_FIRST 20000u
#define FOREIGN_PORT_COUNT 12000u
#define FOREIGN_PORT_TRIES 100u
#define FOREIGN_ANSWER_MAX ((size_t)1 << 20)

/* Below the range from which the kernel serves outgoing connections: one of those cannot take it before it is
 * used. */
unsigned foreign_free_port(void)
{
    for (unsigned tries = 0; tries < FOREIGN_PORT_TRIES; tries++) {
        uint16_t drawn = 0;
        if (getrandom(&drawn, sizeof(drawn), 0) != (ssize_t)sizeof(drawn)) {
            return 0;
        }
        unsigned port = FOREIGN_PORT_FIRST + drawn % FOREIGN_PORT_COUNT;
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)port),
                                       .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        if (fd >= 0) {
            (void)close(fd);
        }
        if (free) {
            return port;
        }
    }
    return 0;
}

int foreign_chroma_empty(const char *name, const char *directory, struct errmsg *msg)
{
    char folder[CHILD_PATH];
    int size = snprintf(folder, sizeof(folder), "%s/%s-data", directory, name);
    if (size < 0 || (size_t)size >= sizeof(folder)) {
        return error_set(msg, ERR_INVALID, "the path %s is too long", directory);
    }
    return folder_fresh(folder, msg);
}

/* The settings file, beside the folder that it names. */
static int write_settings(const char *path, const char *name, const char *directory, unsigned port,
                          struct errmsg *msg)
{
    char absolute[CHILD_PATH];
    FILE *file = fopen(path, "we");
    if (realpath(directory, absolute) == NULL || file == NULL) {
        if (file != NULL) {
            (void)fclose(file);
        }
        return error_set(msg, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    }
    bool good = fprintf(file,
                        "port: %u\nlisten_address: \"127.0.0.1\"\npersist_path: \"%s/%s-data\"\n"
                        "allow_reset: true\n",
                        port, absolute, name) > 0;
    good = fclose(file) == 0 && good;
    return good ? 0 : error_set(msg, ERR_IO, "cannot write %s: %s", path, strerror(errno));
}

int foreign_chroma_init(struct child *c, const char *name, const char *directory, char *url, size_t size,
                        struct errmsg *msg)
{
    char settings[2 * CHILD_PATH];
    const char *given = getenv(FOREIGN_CHROMA_VARIABLE);
    unsigned port = foreign_free_port();
    (void)snprintf(settings, sizeof(settings), "%s/%s.yaml", directory, name);
    (void)snprintf(url, size, "http://127.0.0.1:%u", port);
    int rv = child_init(c, name, "/usr/bin/env", directory, msg);
    rv = rv != 0 ? rv : foreign_chroma_empty(name, directory, msg);
    rv = rv != 0 ? rv : write_settings(settings, name, directory, port, msg);
    if (rv != 0) {
        return rv;
    }
    struct str rest = str_of(given == NULL || given[0] == '\0' ? "chroma" : given);
    while (rest.data != NULL && rest.size > 0) {
        struct str word = str_cut(rest, ' ', &rest);
        if (word.size > 0) {
            child_add_arg(c, "%.*s", STR_ARGS(word));
        }
    }
    child_add_arg(c, "run");
    child_add_arg(c, "%s", settings);
    return 0;
}

int foreign_await(struct child *c, const char *base_url, const char *path, struct errmsg *msg)
{
    struct buf answer;
    struct errmsg why = { "" };
    int rv = ERR_TIMEOUT;
    buf_init(&answer, FOREIGN_ANSWER_MAX);
    for (int waited = 0; rv != 0 && waited < FOREIGN_READY_MS; waited += FOREIGN_POLL_MS) {
        rv = control_ask(base_url, "GET", path, STR(""), &answer, &why);
        if (rv != 0) {
            int ended = c == NULL ? 0 : child_check(c, msg);
            if (ended != 0) {
                buf_deinit(&answer);
                return ended;
            }
            child_wait_ms(FOREIGN_POLL_MS);
        }
    }
    buf_deinit(&answer);
    return rv == 0 ? 0
                   : error_set(msg, ERR_TIMEOUT, "%s%s does not answer within %d s: %s", base_url, path,
                               FOREIGN_READY_MS / 1000, why.text);
}

int foreign_start(struct child *c, const char *base_url, const char *path, struct errmsg *msg)
{
    int rv = child_begin(c, msg);
    return rv != 0 ? rv : foreign_await(c, base_url, path, msg);
}
