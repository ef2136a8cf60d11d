/* Each library gets a peer that says nothing and an hour of patience; then the clock goes two hours forward,
 * and the patience must be at its end within a few turns. */
#include "harness/leap/selftest.h"

#include "base/units.h"
#include <curl/curl.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 3600L
#define TURNS      20

static enum MHD_Result nobody(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data, size_t *size,
                              void **request)
{
    (void)context;
    (void)connection;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    (void)size;
    (void)request;
    return MHD_NO;
}

/* True when the connection is ended within some turns. */
static bool server_hangs_up(struct MHD_Daemon *daemon, int client)
{
    for (int i = 0; i < TURNS; i++) {
        char byte;
        (void)MHD_run(daemon);
        if (recv(client, &byte, 1, MSG_DONTWAIT) == 0) {
            return true;
        }
    }
    return false;
}

static bool server_follows(void (*leap)(uint64_t ns), int server, int client)
{
    struct sockaddr none = { .sa_family = AF_UNIX };
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, nobody, NULL,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)PATIENCE_S, MHD_OPTION_END);
    if (daemon == NULL) {
        (void)close(server);
        return false;
    }
    bool patient = MHD_add_connection(daemon, server, &none, sizeof(none)) == MHD_YES &&
                   !server_hangs_up(daemon, client);
    leap(2 * (uint64_t)PATIENCE_S * NS_PER_S);
    bool follows = patient && server_hangs_up(daemon, client);
    MHD_stop_daemon(daemon);
    return follows;
}

/* True when the transfer is given up within some turns. */
static bool client_gives_up(CURLM *multi)
{
    for (int i = 0; i < TURNS; i++) {
        int left = 0;
        if (curl_multi_perform(multi, &left) != CURLM_OK) {
            return false;
        }
        const CURLMsg *over = curl_multi_info_read(multi, &left);
        if (over != NULL) {
            return over->data.result == CURLE_OPERATION_TIMEDOUT;
        }
    }
    return false;
}

static bool client_follows(void (*leap)(uint64_t ns), const char *peer)
{
    CURLM *multi = curl_multi_init();
    CURL *easy = curl_easy_init();
    bool follows = false;
    if (multi != NULL && easy != NULL &&
        curl_easy_setopt(easy, CURLOPT_URL, "http://silent.leap/") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, peer) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_TIMEOUT, PATIENCE_S) == CURLE_OK &&
        curl_multi_add_handle(multi, easy) == CURLM_OK) {
        bool patient = !client_gives_up(multi);
        leap(2 * (uint64_t)PATIENCE_S * NS_PER_S);
        follows = patient && client_gives_up(multi);
        (void)curl_multi_remove_handle(multi, easy);
    }
    curl_easy_cleanup(easy);
    (void)curl_multi_cleanup(multi);
    return follows;
}

/* A socket that lets clients connect and never says a word.  The kernel chooses its name, which leaves no
 * file. */
static int silent_listener(char *name, size_t capacity)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t size = sizeof(address.sun_family);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 1) == 0) {
        size = sizeof(address);
        (void)getsockname(fd, (struct sockaddr *)&address, &size);
        (void)snprintf(name, capacity, "%s", address.sun_path + 1);
    }
    return fd;
}

static const char *who_stays(void (*leap)(uint64_t ns))
{
    int pair[2];
    char name[sizeof(((struct sockaddr_un *)NULL)->sun_path)] = "";
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return "a pair of sockets"; /* there is none */
    }
    bool server = server_follows(leap, pair[0], pair[1]); /* owns pair[0] */
    (void)close(pair[1]);
    if (!server) {
        return "libmicrohttpd";
    }
    int fd = silent_listener(name, sizeof(name));
    bool client = fd >= 0 && client_follows(leap, name);
    if (fd >= 0) {
        (void)close(fd);
    }
    return client ? NULL : "libcurl";
}

int leap_selftest(void (*leap)(uint64_t ns), struct errmsg *msg)
{
    const char *who = who_stays(leap);
    return who == NULL
               ? 0
               : error_set(msg, ERR_UNSUPPORTED,
                           "%s does not follow the clock of this program, so time cannot leap (was it "
                           "built with its symbols hidden, or linked statically?)",
                           who);
}
