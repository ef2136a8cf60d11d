/* waldrill fault: breaks and mends an instance of a running `waldrill up` by hand. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/units.h"
#include "harness/real/control.h"
#include <ctype.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define FAULT_DOCUMENT_MAX ((size_t)1 << 20)
#define FAULT_CONTROL_GAP  10 /* a mock's control port stands so far above its own; see up.c */

static const char help[] =
    "usage: waldrill fault INSTANCE [add] FAULT           break it\n"
    "       waldrill fault INSTANCE hold FAULT            break it while this command runs\n"
    "       waldrill fault INSTANCE change ID FAULT       break it otherwise\n"
    "       waldrill fault INSTANCE list                  what is broken\n"
    "       waldrill fault INSTANCE remove ID             mend one thing\n"
    "       waldrill fault INSTANCE clear                 mend everything\n"
    "\n"
    "FAULT is KIND [KEY=VALUE...], or a document of docs/faults.md, '{\"do\": ...}'; add and hold also take "
    "a\n"
    "list of documents, '[{\"do\": ...}, ...]', of which all are taken or none.\n"
    "INSTANCE is primary or replica of the stack that `waldrill up` keeps running, or the control URL that "
    "a\n"
    "mockchroma has printed.\n"
    "\n"
    "hold gives the fault a lease (lease=1s unless told otherwise) and renews it until Ctrl-C, which mends "
    "it.\n"
    "However it ends, nothing stays broken for longer than the lease.\n"
    "\n"
    "  --primary-port N   as given to waldrill up (default 8001)\n"
    "  --replica-port N   as given to waldrill up (default 8002)\n"
    "\n"
    "examples\n"
    "  waldrill fault primary refuse                          connections are refused: it is down\n"
    "  waldrill fault primary refuse for=30s                  for half a minute\n"
    "  waldrill fault primary respond status=503 share=60%    six in ten answers are 503\n"
    "  waldrill fault primary delay by=2s match.op=add        adds are slow\n"
    "  waldrill fault primary hold blackhole lease=2s         silent, for as long as this command lives\n"
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

/* The document that the words after the verb make; NULL after saying what is wrong. */
static char *fault_compose(int argc, char **argv)
{
    if (argc == 0) {
        (void)fputs("waldrill fault: which fault?  waldrill fault primary refuse\n", stderr);
        return NULL;
    }
    if (argv[0][0] == '{' || argv[0][0] == '[') {
        return strdup(argv[0]);
    }
    json_t *document = json_object();
    bool good = json_object_set_new(document, "do", json_string(argv[0])) == 0;
    for (int i = 1; good && i < argc; i++) {
        good = fault_put(document, argv[i]);
    }
    char *text = good ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    return text;
}

static int fault_complain(const char *control, int rv, const struct errmsg *msg)
{
    if (rv == ERR_REFUSED || rv == ERR_IO) {
        (void)fprintf(stderr, "waldrill fault: no stack answers at %s; is `waldrill up` running?\n", control);
        return EXIT_INFRASTRUCTURE;
    }
    (void)fprintf(stderr, "waldrill fault: %s\n", msg->text);
    return EXIT_USAGE;
}

static int fault_ask(const char *control, const char *method, const char *path, struct str body)
{
    struct buf answer;
    struct errmsg msg = { "" };
    buf_init(&answer, FAULT_DOCUMENT_MAX);
    int rv = control_ask(control, method, path, body, &answer, &msg);
    if (rv == 0) {
        (void)printf("%s\n", buf_text(&answer));
    }
    buf_deinit(&answer);
    return rv == 0 ? EXIT_PASS : fault_complain(control, rv, &msg);
}

static int fault_send(const char *control, const char *method, const char *path, int argc, char **argv)
{
    char *document = fault_compose(argc, argv);
    if (document == NULL) {
        return EXIT_USAGE;
    }
    int status = fault_ask(control, method, path, str_of(document));
    free(document); /* jansson's own allocation, or strdup's */
    return status;
}

/* ---- hold ---- */

/* Every document gets a lease; *shortest is the shortest of all. */
static bool fault_lease(json_t *documents, uint64_t *shortest)
{
    size_t i;
    json_t *document;
    *shortest = UINT64_MAX;
    json_array_foreach(documents, i, document)
    {
        uint64_t lease = 0;
        if (json_object_get(document, "lease") == NULL) {
            (void)json_object_set_new(document, "lease", json_string("1s"));
        }
        const char *text = json_string_value(json_object_get(document, "lease"));
        if (text == NULL || units_parse_duration(str_of(text), 0, &lease, NULL) != 0 || lease < NS_PER_MS) {
            (void)fputs("waldrill fault: lease is a duration of at least 1ms, as lease=2s\n", stderr);
            return false;
        }
        *shortest = lease < *shortest ? lease : *shortest;
    }
    return json_array_size(documents) > 0;
}

static json_t *fault_list_of(char *text)
{
    json_error_t error;
    json_t *root = text == NULL ? NULL : json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (text != NULL && root == NULL) {
        (void)fprintf(stderr, "waldrill fault: line %d column %d: %s\n", error.line, error.column,
                      error.text);
    }
    free(text);
    if (root == NULL || json_is_array(root)) {
        return root;
    }
    json_t *list = json_array();
    (void)json_array_append_new(list, root);
    return list;
}

/* Renews at a third of the lease until a signal, then mends.  0, or an exit status. */
static int fault_keep(const char *control, json_t *faults, uint64_t lease_ns, const sigset_t *ends)
{
    struct timespec third = { .tv_sec = (time_t)(lease_ns / 3 / NS_PER_S),
                              .tv_nsec = (long)(lease_ns / 3 % NS_PER_S) };
    struct errmsg msg = { "" };
    struct buf answer;
    bool over = false;
    int rv = 0;
    buf_init(&answer, FAULT_DOCUMENT_MAX);
    while (!over && rv == 0) {
        size_t i;
        json_t *fault;
        over = sigtimedwait(ends, NULL, &third) > 0;
        json_array_foreach(faults, i, fault)
        {
            char path[96];
            long long id = json_integer_value(json_object_get(fault, "id"));
            (void)snprintf(path, sizeof(path), over ? "/faults/%lld" : "/faults/%lld/renew", id);
            int one = control_ask(control, over ? "DELETE" : "POST", path, STR(""), &answer, &msg);
            rv = one != 0 ? one : rv;
        }
    }
    buf_deinit(&answer);
    return rv == 0 ? EXIT_PASS : fault_complain(control, rv, &msg);
}

static int fault_hold(const char *control, int argc, char **argv)
{
    uint64_t lease_ns = 0;
    struct errmsg msg = { "" };
    struct buf answer;
    sigset_t ends;
    json_t *documents = fault_list_of(fault_compose(argc, argv));
    if (documents == NULL || !fault_lease(documents, &lease_ns)) {
        json_decref(documents);
        return EXIT_USAGE;
    }
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    buf_init(&answer, FAULT_DOCUMENT_MAX);
    char *text = json_dumps(documents, JSON_COMPACT);
    int rv = control_ask(control, "POST", "/faults", str_of(text), &answer, &msg);
    int status = rv == 0 ? EXIT_PASS : fault_complain(control, rv, &msg);
    free(text);
    json_decref(documents);
    if (rv == 0) {
        json_t *faults = json_loads(buf_text(&answer), 0, NULL);
        (void)printf("holding %s\n", buf_text(&answer));
        (void)fflush(stdout);
        status = fault_keep(control, faults, lease_ns, &ends);
        json_decref(faults);
    }
    buf_deinit(&answer);
    return status;
}

static bool fault_control(const char *instance, const char *ports[2], char *out, size_t size)
{
    bool primary = strcmp(instance, "primary") == 0;
    if (strncmp(instance, "http://", 7) == 0 && strlen(instance) < size) {
        (void)snprintf(out, size, "%s", instance);
        return true;
    }
    if (!primary && strcmp(instance, "replica") != 0) {
        (void)fprintf(stderr,
                      "waldrill fault: the instance is primary, replica or a control URL, not \"%s\"\n",
                      instance);
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
    const char *verb = argv[2];
    if (strcmp(verb, "list") == 0) {
        return fault_ask(control, "GET", "/faults", STR(""));
    }
    if (strcmp(verb, "clear") == 0) {
        return fault_ask(control, "DELETE", "/faults", STR(""));
    }
    if (strcmp(verb, "add") == 0) {
        return fault_send(control, "POST", "/faults", argc - 3, argv + 3);
    }
    if (strcmp(verb, "hold") == 0) {
        return fault_hold(control, argc - 3, argv + 3);
    }
    bool removes = strcmp(verb, "remove") == 0;
    if (!removes && strcmp(verb, "change") != 0) {
        return fault_send(control, "POST", "/faults", argc - 2, argv + 2);
    }
    if (argc < 4 || !fault_is_number(argv[3])) {
        (void)fprintf(stderr, "waldrill fault: %s which?  waldrill fault %s list shows the ids\n", verb,
                      argv[1]);
        return EXIT_USAGE;
    }
    (void)snprintf(path, sizeof(path), "/faults/%s", argv[3]);
    return removes ? fault_ask(control, "DELETE", path, STR(""))
                   : fault_send(control, "PUT", path, argc - 4, argv + 4);
}
