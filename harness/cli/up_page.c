/* See up_page.h. */
#include "harness/cli/up_page.h"

#include "base/str.h"
#include "base/units.h"
#include "harness/console/guard.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_BYTES 24 /* of chance */
#define STOP_MS     10000

bool up_page_options(struct up_page *p, const char *port, const char *address)
{
    uint64_t value = UP_PAGE_PORT;
    if (port != NULL && (units_parse_u64(str_of(port), &value, NULL) != 0 || value > 65535)) {
        (void)fprintf(stderr, "waldrill up: --console-port is a port from 0 to 65535, not \"%s\"\n", port);
        return false;
    }
    if (p->token_file != NULL && !p->acts) {
        (void)fputs("waldrill up: --admin-token-file is for --console\n", stderr);
        return false;
    }
    struct in_addr parsed;
    if (address != NULL && inet_pton(AF_INET, address, &parsed) != 1) {
        (void)fprintf(
            stderr,
            "waldrill up: --console-address is an IPv4 address, as 127.0.0.1 or 0.0.0.0, not \"%s\"\n",
            address);
        return false;
    }
    p->setup.port = (unsigned)value;
    p->setup.port_or_any = port == NULL;
    p->setup.address = address == NULL ? "127.0.0.1" : address;
    return true;
}

static bool token_read(struct up_page *p)
{
    char text[UP_PAGE_TOKEN];
    FILE *file = fopen(p->token_file, "re");
    if (file == NULL) {
        (void)fprintf(stderr, "waldrill up: cannot read %s: %s\n", p->token_file, strerror(errno));
        return false;
    }
    size_t size = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    struct str token = str_trim(str_make(text, size));
    if (size == sizeof(text) || token.size == 0) {
        (void)fprintf(stderr, "waldrill up: %s holds a token of 1 to %d characters\n", p->token_file,
                      UP_PAGE_TOKEN - 1);
        return false;
    }
    (void)snprintf(p->token, sizeof(p->token), "%.*s", STR_ARGS(token));
    (void)snprintf(p->setting, sizeof(p->setting), "@%s", p->token_file);
    return true;
}

static bool token_make(struct up_page *p, const char *work_dir)
{
    unsigned char drawn[TOKEN_BYTES];
    int size = snprintf(p->setting, sizeof(p->setting), "@%s/admin.token", work_dir);
    if (size < 0 || (size_t)size >= sizeof(p->setting) || getrandom(drawn, sizeof(drawn), 0) != TOKEN_BYTES) {
        (void)fputs("waldrill up: no token can be made\n", stderr);
        return false;
    }
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        (void)snprintf(p->token + 2 * i, 3, "%02x", drawn[i]);
    }
    const char *path = p->setting + 1;
    (void)unlink(path); /* of an earlier run in the same folder */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write(fd, p->token, strlen(p->token)) == (ssize_t)strlen(p->token);
    if (!good) {
        (void)fprintf(stderr, "waldrill up: cannot write %s: %s\n", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

bool up_page_token(struct up_page *p, const char *work_dir)
{
    if (!p->acts) {
        return true;
    }
    p->setup.token = p->token;
    return p->token_file != NULL ? token_read(p) : token_make(p, work_dir);
}

bool up_page_open(struct up_page *p, const struct stack *stack, double time_scale)
{
    struct errmsg msg;
    for (unsigned i = 0; i < 3; i++) {
        p->setup.urls[i] = stack->urls[i];
    }
    p->setup.controls[0] = stack->controls[TARGET_PRIMARY];
    p->setup.controls[1] = stack->controls[TARGET_REPLICA];
    p->setup.time_scale = time_scale;
    p->console = console_open(&p->setup, &msg);
    if (p->console == NULL) {
        (void)fprintf(stderr, "waldrill up: %s\n", msg.text);
    }
    return p->console != NULL;
}

void up_page_tell(const struct up_page *p)
{
    (void)printf("%s http://%s:%u/", p->acts ? "console  " : "page     ", p->setup.address,
                 console_port(p->console));
    if (p->acts && p->token_file == NULL) {
        (void)printf("#token=%s\ntoken     %s (walproxy's ADMIN_TOKEN, too)", p->token, p->setting + 1);
    } else if (p->acts) {
        (void)printf("\ntoken     %s", p->token_file);
    }
    (void)printf("%s\n", guard_is_loopback(p->setup.address)
                             ? ""
                             : "\n          reachable from other machines, in the clear: docs/security.md");
}

static int attend(struct stack *stack, enum console_deed deed, struct errmsg *msg)
{
    struct child *lb = &stack->children[TARGET_LB];
    int rv = 0;
    switch (deed) {
        case CONSOLE_RESTART:
            (void)child_end(lb, SIGTERM, STOP_MS, NULL); /* it ends either way */
            return stack_start_lb(stack, msg);
        case CONSOLE_STOP:
            return child_end(lb, SIGTERM, STOP_MS, msg);
        case CONSOLE_START:
            rv = lb->paused ? child_pause(lb, false, msg) : 0;
            return rv != 0 || lb->pid != 0 ? rv : stack_start_lb(stack, msg);
        case CONSOLE_KILL:
            rv = child_end(lb, SIGKILL, 0, msg);
            return rv != 0 ? rv : stack_start_lb(stack, msg);
        case CONSOLE_FREEZE:
            return child_pause(lb, true, msg);
    }
    return rv;
}

bool up_page_attend(struct up_page *p, struct stack *stack)
{
    static const char *const names[] = { "restarted", "stopped", "started", "killed and started again",
                                         "frozen" };
    enum console_deed deed;
    struct errmsg msg = { "" };
    if (!console_wants(p->console, &deed)) {
        return false;
    }
    int rv = attend(stack, deed, &msg);
    if (rv == 0) {
        (void)printf("console: walproxy %s\n", names[deed]);
    } else {
        (void)printf("console: walproxy not %s: %s\n", names[deed], msg.text);
    }
    (void)fflush(stdout);
    console_did(p->console, rv, &msg);
    return true;
}
