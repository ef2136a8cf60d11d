/* waldrill up: the live stack for a person with curl - a walproxy, two mocks, kept running until Ctrl-C.
 *
 * The mocks' control ports stand ten above their own, which is how `waldrill fault` finds them without any
 * file.  A balancer that is killed is started again on its old log, as a supervisor would; one that does not
 * stay up, and a mock that ends, end the stack with their last words. */
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"
#include "harness/cli/up_page.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/real/control.h"
#include "harness/real/folders.h"
#include "harness/real/stack.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UP_SETTINGS       64
#define UP_LOOK_MS        100
#define UP_SHORT_LIFE_S   2
#define UP_QUICK_DEATHS   3
#define UP_ADOPTION_LOOKS 100
#define UP_STATUS_BYTES   ((size_t)1 << 20)

static const char help[] =
    "usage: waldrill up [--port 8000] [--primary-port 8001] [--replica-port 8002] [--time-scale X]\n"
    "                   [--wal-mode file|memory] [--latency PROFILE] [--seed N] [--work DIR]\n"
    "                   [--console] [--console-port 8020] [--console-address 127.0.0.1]\n"
    "                   [--admin-token-file FILE] [SETTING=VALUE...]\n"
    "\n"
    "Keeps a stack running on this machine - walproxy in front of two mock Chromas - for you to try the\n"
    "operations guide on, with curl in one hand and `waldrill fault` in the other.  Ctrl-C ends all of it.\n"
    "A page shows it live: pending writes, age, memory, replay, health and alerts, for the last hour.\n"
    "With --console the page acts, too: faults at the press of a button, dead letters, replay, failover, "
    "the\n"
    "runbook beside it, and a red button that heals everything.\n"
    "\n"
    "  --port N           where walproxy listens (default 8000)\n"
    "  --primary-port N   where the primary listens (8001); its control port is N + 10\n"
    "  --replica-port N   where the replica listens (8002); its control port is N + 10\n"
    "  --time-scale X     intervals, windows and schedules of faults run X times faster (default 1)\n"
    "  --wal-mode MODE    file survives kill -9, memory is the guide's v1 (default file)\n"
    "  --latency PROFILE  how quick the mocks are: none, measured-small (default none)\n"
    "  --seed N           for the mocks' ids and draws (default 1)\n"
    "  --work DIR         keep logs and the write-ahead log there (default: a folder that goes at the end)\n"
    "  --console          the page acts; its address is printed with the token that opens it, which becomes\n"
    "                     walproxy's ADMIN_TOKEN too\n"
    "  --admin-token-file FILE  the token is what stands in this file (default: a new one)\n"
    "  --console-port N   where the page is (default 8020, or any free port when that is taken; 0 = any)\n"
    "  --console-address IP  who can reach the page: 127.0.0.1 this machine only, 0.0.0.0 all (default "
    "127.0.0.1)\n"
    "  SETTING=VALUE      any setting of walproxy: check_interval=5s read_replica_ratio=50%\n"
    "\n"
    "examples\n"
    "  waldrill up\n"
    "  waldrill up --time-scale 10 check_interval=10s\n"
    "  waldrill up --console                  and open the address that it prints\n"
    "  waldrill fault primary refuse          in another terminal: the primary is down\n"
    "  curl -s http://127.0.0.1:8000/status | jq .write_ahead_log\n"
    "  waldrill fault primary clear           and back: replay begins by itself\n"
    "\n"
    "exit status: 0 ended by Ctrl-C, 2 usage wrong, 4 the stack did not start or broke\n";

struct up {
    struct stack stack;
    struct stack_options options;
    struct up_page page;
    struct engine_setting settings[UP_SETTINGS];
    char bin_dir[CLI_PATH];
    char work_dir[CHILD_PATH];
    bool remove_work_dir;
};

static bool up_port(const char *option, const char *text, unsigned *port)
{
    uint64_t value;
    if (text == NULL) {
        return true;
    }
    if (units_parse_u64(str_of(text), &value, NULL) != 0 || value == 0 || value > 65525) {
        (void)fprintf(stderr, "waldrill up: %s is a port from 1 to 65525, not \"%s\"\n", option, text);
        return false;
    }
    *port = (unsigned)value;
    return true;
}

static bool up_add_setting(struct up *up, const char *name, const char *value)
{
    if (up->options.setting_count == UP_SETTINGS) {
        (void)fprintf(stderr, "waldrill up: more than %d settings\n", UP_SETTINGS);
        return false;
    }
    up->settings[up->options.setting_count++] = (struct engine_setting){ name, value };
    return true;
}

/* "check_interval=5s", split in place; walproxy itself knows what is right. */
static bool up_read_settings(struct up *up, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals == NULL || equals == argv[i]) {
            (void)fprintf(stderr, "waldrill up: \"%s\" is not SETTING=VALUE; see waldrill up --help\n",
                          argv[i]);
            return false;
        }
        *equals = '\0';
        if (!up_add_setting(up, argv[i], equals + 1)) {
            return false;
        }
    }
    return true;
}

static bool up_read_arguments(struct up *up, int argc, char **argv)
{
    const char *ports[3] = { NULL, NULL, NULL };
    const char *scale = NULL;
    const char *seed = NULL;
    const char *mode = NULL;
    const char *latency = NULL;
    const char *work = NULL;
    const char *page[2] = { NULL, NULL };
    const struct cli_option options[] = {
        { "--port", &ports[0], NULL },
        { "--primary-port", &ports[1], NULL },
        { "--replica-port", &ports[2], NULL },
        { "--time-scale", &scale, NULL },
        { "--wal-mode", &mode, NULL },
        { "--latency", &latency, NULL },
        { "--seed", &seed, NULL },
        { "--work", &work, NULL },
        { "--console", NULL, &up->page.acts },
        { "--admin-token-file", &up->page.token_file, NULL },
        { "--console-port", &page[0], NULL },
        { "--console-address", &page[1], NULL },
    };
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0]))) {
        return false;
    }
    unsigned *to = up->options.ports;
    if (!up_page_options(&up->page, page[0], page[1]) || !up_port("--port", ports[0], &to[TARGET_LB]) ||
        !up_port("--primary-port", ports[1], &to[TARGET_PRIMARY]) ||
        !up_port("--replica-port", ports[2], &to[TARGET_REPLICA])) {
        return false;
    }
    if (seed != NULL && units_parse_u64(str_of(seed), &up->options.seed, NULL) != 0) {
        (void)fprintf(stderr, "waldrill up: --seed is a whole number, not \"%s\"\n", seed);
        return false;
    }
    if (scale != NULL && (units_parse_double(str_of(scale), &up->options.time_scale, NULL) != 0 ||
                          up->options.time_scale < 1 || up->options.time_scale > 100)) {
        (void)fprintf(stderr, "waldrill up: --time-scale is a number from 1 to 100, not \"%s\"\n", scale);
        return false;
    }
    up->options.latency[0] = latency;
    up->options.latency[1] = latency;
    (void)snprintf(up->work_dir, sizeof(up->work_dir), "%s", work == NULL ? "" : work);
    return (mode == NULL || up_add_setting(up, "wal_mode", mode)) && up_read_settings(up, argc, argv);
}

static bool up_make_work_dir(struct up *up)
{
    if (up->work_dir[0] != '\0') {
        if (mkdir(up->work_dir, 0777) != 0 && errno != EEXIST) {
            (void)fprintf(stderr, "waldrill up: cannot make %s: %s\n", up->work_dir, strerror(errno));
            return false;
        }
        return true;
    }
    const char *base = getenv("TMPDIR");
    (void)snprintf(up->work_dir, sizeof(up->work_dir), "%s/waldrill-up-XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(up->work_dir) == NULL) {
        (void)fprintf(stderr, "waldrill up: cannot make a folder in %s: %s\n", base == NULL ? "/tmp" : base,
                      strerror(errno));
        return false;
    }
    up->remove_work_dir = true;
    return true;
}

/* walproxy first makes the names on both instances equal; whoever breaks the primary before that is done sees
 * nobody who may answer.  When it takes long, it is told by /status as well as by us. */
static void up_await_adoption(const struct up *up)
{
    const struct timespec look = { 0, UP_LOOK_MS * 1000000L };
    struct errmsg msg = { "" };
    bool settled = false;
    for (unsigned looks = 0; looks < UP_ADOPTION_LOOKS && !settled; looks++) {
        struct buf answer;
        buf_init(&answer, UP_STATUS_BYTES);
        settled = control_ask(up->stack.urls[TARGET_LB], "GET", "/status", STR(""), &answer, &msg) == 0 &&
                  strstr(buf_text(&answer), "\"resync\":{") == NULL &&
                  strstr(buf_text(&answer), "\"healthy\":false") == NULL;
        buf_deinit(&answer);
        if (!settled) {
            (void)nanosleep(&look, NULL);
        }
    }
}

static bool up_add_token(struct up *up)
{
    return !up->page.acts || up_add_setting(up, "admin_token", up->page.setting);
}

static void up_tell(const struct up *up)
{
    const char *lb = up->stack.urls[TARGET_LB];
    char ports[96] = "";
    if (up->options.ports[TARGET_PRIMARY] != 8001 || up->options.ports[TARGET_REPLICA] != 8002) {
        (void)snprintf(ports, sizeof(ports), " --primary-port %u --replica-port %u",
                       up->options.ports[TARGET_PRIMARY], up->options.ports[TARGET_REPLICA]);
    }
    (void)printf("walproxy  %s\nprimary   %s\nreplica   %s\nlogs      %s\n", lb,
                 up->stack.urls[TARGET_PRIMARY], up->stack.urls[TARGET_REPLICA], up->work_dir);
    up_page_tell(&up->page);
    (void)printf("\n");
    (void)printf(
        "look\n"
        "  curl -s %s/status | jq '.write_ahead_log'\n"
        "  curl -s %s/health\n"
        "  curl -s %s/api/v2/version\n",
        lb, lb, up->stack.urls[TARGET_PRIMARY]);
    (void)printf(
        "break the primary, write, look again\n"
        "  waldrill fault primary refuse%s\n"
        "  curl -s -X POST -H 'Content-Type: application/json' -d '{\"name\":\"test_during_outage\"}' \\\n"
        "    %s/api/v2/collections\n",
        ports, lb);
    (void)printf(
        "and mend it: replay begins by itself\n"
        "  waldrill fault primary clear%s\n\n"
        "ready; Ctrl-C ends it\n",
        ports);
    (void)fflush(stdout);
}

static int64_t up_now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (int64_t)now.tv_sec;
}

/* Until a signal asks to end. */
static int up_watch(struct up *up, const sigset_t *signals)
{
    struct errmsg msg;
    int64_t lb_since_s = up_now_s();
    unsigned quick = 0;
    const struct timespec look = { 0, UP_LOOK_MS * 1000000L };
    for (;;) {
        if (sigtimedwait(signals, NULL, &look) > 0) {
            (void)printf("\nending\n");
            return EXIT_PASS;
        }
        if (up_page_attend(&up->page, &up->stack)) {
            lb_since_s = up_now_s();
        }
        if (child_check(&up->stack.children[TARGET_LB], &msg) != 0) {
            (void)printf("%s\n", msg.text);
            quick = up_now_s() - lb_since_s < UP_SHORT_LIFE_S ? quick + 1 : 0;
            if (quick >= UP_QUICK_DEATHS || stack_start_lb(&up->stack, &msg) != 0) {
                (void)fprintf(stderr, "waldrill up: %s\n", msg.text);
                return EXIT_INFRASTRUCTURE;
            }
            lb_since_s = up_now_s();
            (void)printf("walproxy is started again on its log\n");
            (void)fflush(stdout);
        }
        if (stack_check(&up->stack, &msg) != 0) {
            (void)fprintf(stderr, "waldrill up: %s\n", msg.text);
            return EXIT_INFRASTRUCTURE;
        }
    }
}

static int up_run(struct up *up)
{
    struct errmsg msg;
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    up->options.bin_dir = up->bin_dir;
    up->options.work_dir = up->work_dir;
    up->options.settings = up->settings;
    up->options.control_ports[0] = up->options.ports[TARGET_PRIMARY] + 10;
    up->options.control_ports[1] = up->options.ports[TARGET_REPLICA] + 10;
    if (stack_start(&up->stack, &up->options, &msg) != 0) {
        (void)fprintf(stderr, "waldrill up: %s\n", msg.text);
        return EXIT_INFRASTRUCTURE;
    }
    up_await_adoption(up);
    int status = EXIT_INFRASTRUCTURE;
    if (up_page_open(&up->page, &up->stack, up->options.time_scale)) {
        up_tell(up);
        status = up_watch(up, &signals);
        console_close(up->page.console);
    }
    stack_stop(&up->stack);
    return status;
}

int command_up(int argc, char **argv)
{
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    struct up *up = mem_alloc(sizeof(*up));
    up->options = (struct stack_options){
        .seed = 1, .time_scale = 1, .ports = { 8000, 8001, 8002 }, .has_replica = true
    };
    int status = EXIT_USAGE;
    if (up_read_arguments(up, argc, argv)) {
        cli_bin_dir(up->bin_dir, sizeof(up->bin_dir));
        status = up_make_work_dir(up) && up_page_token(&up->page, up->work_dir) && up_add_token(up)
                     ? up_run(up)
                     : EXIT_INFRASTRUCTURE;
    }
    if (up->remove_work_dir && status == EXIT_PASS) {
        (void)folder_remove(up->work_dir, NULL); /* what stays is in a temporary place */
    }
    mem_free(up);
    return status;
}
