/* waldrill fault: breaks and mends an instance of a running `waldrill up` by hand. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/units.h"
#include "harness/real/control.h"
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#define FAULT_DOCUMENT_MAX ((size_t)1 << 20)
#define FAULT_CONTROL_GAP  10 /* a mock's control port stands so far above its own; see up.c */

static const char help[] =
    "usage: waldrill fault INSTANCE KIND [KEY=VALUE...]     break it\n"
    "       waldrill fault INSTANCE '{\"do\": ...}'           the same, as a document of docs/faults.md\n"
    "       waldrill fault INSTANCE list                    what is broken\n"
    "       waldrill fault INSTANCE remove ID               mend one thing\n"
    "       waldrill fault INSTANCE clear                   mend everything\n"
    "\n"
    "INSTANCE is primary or replica of the stack that `waldrill up` keeps running.\n"
    "\n"
    "  --primary-port N   as given to waldrill up (default 8001)\n"
    "  --replica-port N   as given to waldrill up (default 8002)\n"
    "\n"
    "examples\n"
    "  waldrill fault primary refuse                          connections are refused: it is down\n"
    "  waldrill fault primary refuse for=30s                  for half a minute\n"
    "  waldrill fault primary respond status=503 share=60%    six in ten answers are 503\n"
    "  waldrill fault primary delay by=2s match.op=add        adds are slow\n"
    "  waldrill fault primary clear\n"
    "\n"
    "exit status: 0 done, 2 usage wrong or refused, 4 no stack there\n";

static bool fault_is_number(const char *text)
{
    size_t i = 0;
    for (; text[i] != '\0'; i++) {
        if (!isdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return i > 0 && i < 16;
}

static bool fault_put(json_t *document, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL || equals == pair) {
        (void)fprintf(stderr, "waldrill fault: \"%s\" is not KEY=VALUE; see waldrill fault --help\n", pair);
        return false;
    }
    char key[64];
    (void)snprintf(key, sizeof(key), "%.*s", (int)(equals - pair), pair);
    json_t *into = document;
    char *name = key;
    char *dot = strchr(key, '.');
    if (dot != NULL) { /* match.op=add */
        *dot = '\0';
        into = json_object_get(document, key);
        if (into == NULL) {
            into = json_object();
            (void)json_object_set_new(document, key, into);
        }
        name = dot + 1;
    }
    const char *value = equals + 1;
    json_t *json = fault_is_number(value) ? json_integer(strtoll(value, NULL, 10)) : json_string(value);
    if (json == NULL || json_object_set_new(into, name, json) != 0) {
        (void)fprintf(stderr, "waldrill fault: \"%s\" is not text in UTF-8\n", pair);
        return false;
    }
    return true;
}

/* The document that the words make; NULL after saying what is wrong. */
static char *fault_compose(int argc, char **argv)
{
    json_t *document = json_object();
    bool good = json_object_set_new(document, "do", json_string(argv[2])) == 0;
    for (int i = 3; good && i < argc; i++) {
        good = fault_put(document, argv[i]);
    }
    char *text = good ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    return text;
}

static int fault_ask(const char *control, const char *method, const char *path, struct str body)
{
    struct buf answer;
    struct errmsg msg = { "" };
    buf_init(&answer, FAULT_DOCUMENT_MAX);
    int rv = control_ask(control, method, path, body, &answer, &msg);
    if (rv == 0) {
        (void)printf("%s\n", buf_text(&answer));
    } else if (rv == ERR_REFUSED || rv == ERR_IO) {
        (void)fprintf(stderr, "waldrill fault: no stack answers at %s; is `waldrill up` running?\n", control);
    } else {
        (void)fprintf(stderr, "waldrill fault: %s\n", msg.text);
    }
    buf_deinit(&answer);
    if (rv == 0) {
        return EXIT_PASS;
    }
    return rv == ERR_REFUSED || rv == ERR_IO ? EXIT_INFRASTRUCTURE : EXIT_USAGE;
}

static int fault_add(const char *control, int argc, char **argv)
{
    if (argv[2][0] == '{') {
        return fault_ask(control, "POST", "/faults", str_of(argv[2]));
    }
    char *document = fault_compose(argc, argv);
    if (document == NULL) {
        return EXIT_USAGE;
    }
    int status = fault_ask(control, "POST", "/faults", str_of(document));
    free(document); /* jansson's own allocation */
    return status;
}

static bool fault_control(const char *instance, const char *ports[2], char *out, size_t size)
{
    bool primary = strcmp(instance, "primary") == 0;
    if (!primary && strcmp(instance, "replica") != 0) {
        (void)fprintf(stderr, "waldrill fault: the instance is primary or replica, not \"%s\"\n", instance);
        return false;
    }
    const char *text = ports[primary ? 0 : 1];
    uint64_t port = primary ? 8001 : 8002;
    if (text != NULL && (units_parse_u64(str_of(text), &port, NULL) != 0 || port == 0 || port > 65525)) {
        (void)fprintf(stderr, "waldrill fault: a port from 1 to 65525, not \"%s\"\n", text);
        return false;
    }
    (void)snprintf(out, size, "http://127.0.0.1:%u", (unsigned)port + FAULT_CONTROL_GAP);
    return true;
}

int command_fault(int argc, char **argv)
{
    const char *ports[2] = { NULL, NULL };
    char control[64];
    char path[96];
    const struct cli_option options[] = { { "--primary-port", &ports[0], NULL },
                                          { "--replica-port", &ports[1], NULL } };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0]))) {
        return EXIT_USAGE;
    }
    if (argc < 3) {
        (void)fputs("waldrill fault: which instance, and what?  waldrill fault primary refuse\n", stderr);
        return EXIT_USAGE;
    }
    if (!fault_control(argv[1], ports, control, sizeof(control))) {
        return EXIT_USAGE;
    }
    if (strcmp(argv[2], "list") == 0) {
        return fault_ask(control, "GET", "/faults", STR(""));
    }
    if (strcmp(argv[2], "clear") == 0) {
        return fault_ask(control, "DELETE", "/faults", STR(""));
    }
    if (strcmp(argv[2], "remove") == 0) {
        if (argc < 4 || !fault_is_number(argv[3])) {
            (void)fputs("waldrill fault: remove which?  waldrill fault primary list shows the ids\n", stderr);
            return EXIT_USAGE;
        }
        (void)snprintf(path, sizeof(path), "/faults/%s", argv[3]);
        return fault_ask(control, "DELETE", path, STR(""));
    }
    return fault_add(control, argc, argv);
}
