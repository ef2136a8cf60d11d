/* waldrill check: the guide's health check, its table of levels, its alerts and its speed test of /status,
 * against a balancer that runs, ours or another; for a person on call and for a cron job.  Asks /status,
 * writes nothing. */
#include "harness/cli/check_judge.h"
#include "harness/cli/cli.h"
#include "harness/cli/commands.h"

#include "base/units.h"
#include "harness/real/control.h"
#include <stdlib.h>
#include <time.h>

#define ANSWER_BYTES ((size_t)4 << 20)

static const char help[] =
    "usage: waldrill check URL [--token TOKEN] [--fail-on warning|critical] [--json] [--quiet]\n"
    "\n"
    "Looks at a running balancer as the operations guide does: its health check, the table of what is "
    "normal,\n"
    "warning and critical, its alerts and criteria of escalation, the speed of /status.  Any balancer will "
    "do\n"
    "that serves /status with a write_ahead_log in it.  Writes nothing.\n"
    "\n"
    "  --token TOKEN   walproxy's STATUS_TOKEN (else the variable of that name)\n"
    "  --fail-on LEVEL\n"
    "                  exit status 1 from this level on: warning (default) or critical\n"
    "  --json          the same as an object of JSON\n"
    "  --quiet         one line with the verdict, and nothing while all is normal\n"
    "\n"
    "examples\n"
    "  waldrill check http://127.0.0.1:8000\n"
    "  */5 * * * * waldrill check http://10.0.0.9:8000 --quiet    # a cron job that writes mail when it is "
    "not\n"
    "\n"
    "exit status: 0 all is normal, 1 it is not, or nobody answers, or there is no log; 2 usage wrong\n";

static const char no_log[] = "❌ FAIL: WAL not present in status";

struct check_request {
    const char *url, *token, *fail_on;
    bool json, quiet;
};

static double clock_s(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_head(void)
{
    char when[64];
    time_t now = time(NULL);
    struct tm tm;
    (void)strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Z %Y", localtime_r(&now, &tm));
    (void)printf("🔍 WAL Health Check - %s\n==================================\n", when);
}

/* The guide's own words; why, for people. */
static int fail(const struct check_request *r, const char *words, const char *why)
{
    if (r->json) {
        (void)printf("{ \"verdict\": \"fail\", \"health\": \"%s\" }\n", words);
    } else {
        (void)printf("%s\n", words);
    }
    if (why[0] != '\0') {
        (void)fprintf(stderr, "waldrill check: %s\n", why);
    }
    return EXIT_FAILED;
}

static void tell(const struct check_request *r, const struct check_seen *seen, enum check_level worst)
{
    struct buf out;
    buf_init(&out, ANSWER_BYTES);
    if (r->json) {
        check_tell_json(seen, &out);
    } else if (!r->quiet) {
        check_tell(seen, cli_colour(stdout), &out);
    } else if (worst != CHECK_NORMAL) {
        buf_printf(&out, "%s ", r->url);
        check_verdict(seen, &out);
        buf_append_char(&out, '\n');
    }
    (void)fputs(buf_text(&out), stdout);
    buf_deinit(&out);
}

static int look(const struct check_request *r)
{
    struct errmsg msg = { "" };
    struct check_seen seen;
    struct buf answer;
    buf_init(&answer, ANSWER_BYTES);
    double began_s = clock_s(CLOCK_MONOTONIC);
    int err = control_look(r->url, "/status", r->token, &answer, &msg);
    double took_s = clock_s(CLOCK_MONOTONIC) - began_s;
    if (err != 0) {
        buf_deinit(&answer);
        bool answered = err == ERR_NOT_FOUND || err == ERR_INVALID; /* but with no status */
        return fail(r, answered ? no_log : "❌ FAIL: Cannot reach load balancer", msg.text);
    }
    err = check_read(buf_str(&answer), clock_s(CLOCK_REALTIME), &seen, &msg);
    buf_deinit(&answer);
    if (err != 0) {
        return fail(r, no_log, err == ERR_NOT_FOUND ? "" : msg.text);
    }
    seen.status_s = took_s;
    enum check_level worst = check_worst(&seen);
    tell(r, &seen, worst);
    bool critical_only = r->fail_on != NULL && strcmp(r->fail_on, "critical") == 0;
    return worst >= (critical_only ? CHECK_CRITICAL : CHECK_WARNING) ? EXIT_FAILED : EXIT_PASS;
}

static bool request_is_sound(const struct check_request *r)
{
    bool url = strncmp(r->url, "http://", 7) == 0 || strncmp(r->url, "https://", 8) == 0;
    if (!url) {
        (void)fprintf(stderr, "waldrill check: a URL begins with http:// or https://, not \"%s\"\n", r->url);
    } else if (r->fail_on != NULL && strcmp(r->fail_on, "warning") != 0 &&
               strcmp(r->fail_on, "critical") != 0) {
        (void)fprintf(stderr, "waldrill check: --fail-on is warning or critical, not \"%s\"\n", r->fail_on);
        url = false;
    }
    return url;
}

int command_check(int argc, char **argv)
{
    struct check_request r = { .token = getenv("STATUS_TOKEN") };
    const struct cli_option options[] = { { "--token", &r.token, NULL },
                                          { "--fail-on", &r.fail_on, NULL },
                                          { "--json", NULL, &r.json },
                                          { "--quiet", NULL, &r.quiet } };
    if (cli_wants_help(argc, argv)) {
        (void)fputs(help, stdout);
        return EXIT_PASS;
    }
    if (!cli_options_parse(&argc, argv, options, sizeof(options) / sizeof(options[0]))) {
        return EXIT_USAGE;
    }
    if (argc != 2) {
        (void)fputs("waldrill check: which balancer?  waldrill check http://127.0.0.1:8000\n", stderr);
        return EXIT_USAGE;
    }
    char url[CLI_PATH];
    (void)snprintf(url, sizeof(url), "%s", argv[1]);
    for (size_t size = strlen(url); size > 0 && url[size - 1] == '/'; size--) {
        url[size - 1] = '\0';
    }
    r.url = url;
    if (!request_is_sound(&r)) {
        return EXIT_USAGE;
    }
    if (!r.json && !r.quiet) {
        print_head();
    }
    return look(&r);
}
