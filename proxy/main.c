/* walproxy: arguments in, objects up, loop, objects down. */
#include "base/buf.h"
#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/alerts.h"
#include "proxy/ctl/ctl.h"
#include "proxy/io/config.h"
#include "proxy/io/log_command.h"
#include "proxy/io/server.h"
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_SETTINGS 2
#define EXIT_CANNOT   4
#define SPARE_FILES   64u /* beside two descriptors per client: its own and that of its call */

static int complain(const struct errmsg *msg, int status)
{
    (void)fprintf(stderr, "walproxy: %s\n", msg->text);
    return status;
}

static int print(void (*write)(struct buf *out))
{
    struct buf out;
    buf_init(&out, 1u << 20);
    write(&out);
    bool ok = !out.failed && fwrite(out.data, 1, out.size, stdout) == out.size && fflush(stdout) == 0;
    buf_deinit(&out);
    return ok ? 0 : 1;
}

static int print_settings(const struct settings_draft *draft)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    settings_print(draft, &out);
    bool ok = !out.failed && fwrite(out.data, 1, out.size, stdout) == out.size && fflush(stdout) == 0;
    buf_deinit(&out);
    return ok ? 0 : 1;
}

static int print_rules(const struct settings *settings)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    alerts_prometheus(settings, &out);
    bool ok = !out.failed && fwrite(out.data, 1, out.size, stdout) == out.size && fflush(stdout) == 0;
    buf_deinit(&out);
    return ok ? 0 : 1;
}

static int raise_file_limit(const struct settings *settings, struct errmsg *msg)
{
    struct rlimit limit;
    uint64_t wanted = settings->max_connections * 2 + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < wanted) {
        return error_set(msg, ERR_LIMIT,
                         "MAX_CONNECTIONS: %" PRIu64 " needs %" PRIu64
                         " open files, but the limit of this process is %" PRIu64 " (ulimit -Hn)",
                         settings->max_connections, wanted, (uint64_t)limit.rlim_max);
    }
    return 0;
}

/* What this process was started with. */
struct given {
    int argc;
    char **argv;
    struct settings_draft draft;
};

static int load_again(void *context, struct settings *out, struct errmsg *msg)
{
    struct given *given = context;
    enum config_wish wish = CONFIG_RUN;
    int rc = config_load(&given->draft, &wish, given->argc, given->argv, environ, msg);
    if (rc == 0) {
        *out = given->draft.values;
    }
    return rc;
}

static int serve(const struct settings *settings, struct given *given)
{
    const struct proxy_server_source source = { .context = given, .load = load_again };
    struct proxy_server *server = NULL;
    struct errmsg msg = { "" };
    uint64_t seed = 0;
    if (raise_file_limit(settings, &msg) != 0) {
        return complain(&msg, EXIT_SETTINGS);
    }
    CHECK(getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)error_set(&msg, ERR_NOMEM, "libcurl: cannot be set up");
        return complain(&msg, EXIT_CANNOT);
    }
    int rc = proxy_server_open(&server, settings, &source, NULL, seed, &msg);
    int status = rc == ERR_INVALID ? EXIT_SETTINGS : EXIT_CANNOT;
    if (rc != 0) {
        (void)complain(&msg, status);
    } else {
        bool v6 = strchr(settings->host, ':') != NULL;
        const char *scheme = settings->tls_cert[0] == '\0' ? "http" : "https";
        (void)printf(v6 ? "listening %s://[%s]:%u\n" : "listening %s://%s:%u\n", scheme, settings->host,
                     proxy_server_port(server));
        (void)fflush(stdout);
        status = proxy_server_run(server);
    }
    proxy_server_close(server);
    curl_global_cleanup();
    return status;
}

int main(int argc, char **argv)
{
    static struct settings_draft draft;
    static struct given given;
    enum config_wish wish = CONFIG_RUN;
    struct errmsg msg = { "" };
    mem_keep_for_reuse();
    if (argc > 1 && strcmp(argv[1], "wal") == 0) {
        return log_command(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], "ctl") == 0) {
        return ctl_command(argc - 1, argv + 1);
    }
    if (config_load(&draft, &wish, argc - 1, argv + 1, environ, &msg) != 0) {
        return complain(&msg, EXIT_SETTINGS);
    }
    switch (wish) {
        case CONFIG_HELP:
            return print(config_help);
        case CONFIG_VERSION:
            (void)printf("walproxy %s\n", WALDRILL_VERSION);
            return 0;
        case CONFIG_MARKDOWN:
            return print(settings_markdown);
        case CONFIG_PRINT:
            return print_settings(&draft);
        case CONFIG_RULES:
            return print_rules(&draft.values);
        case CONFIG_RUN:
            break;
    }
    given.argc = argc - 1;
    given.argv = argv + 1;
    return serve(&draft.values, &given);
}
