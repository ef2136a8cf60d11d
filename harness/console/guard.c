/* See guard.h. */
#include "harness/console/guard.h"

#include "base/secret.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#define GUARD_NAME 64

static bool guard_is_port(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!isdigit((unsigned char)text.data[i])) {
            return false;
        }
    }
    return text.size > 0 && text.size <= 5;
}

static bool guard_is_address(int family, struct str text)
{
    char name[GUARD_NAME];
    unsigned char address[sizeof(struct in6_addr)];
    if (text.size >= sizeof(name)) {
        return false;
    }
    (void)snprintf(name, sizeof(name), "%.*s", STR_ARGS(text));
    return inet_pton(family, name, address) == 1;
}

bool guard_host(struct str host)
{
    if (host.size > 0 && host.data[0] == '[') {
        struct str after;
        struct str inside = str_cut(str_make(host.data + 1, host.size - 1), ']', &after);
        bool good = after.data != NULL && guard_is_address(AF_INET6, inside);
        return good && (after.size == 0 ||
                        (after.data[0] == ':' && guard_is_port(str_make(after.data + 1, after.size - 1))));
    }
    struct str port;
    struct str name = str_cut(host, ':', &port);
    return (port.data == NULL || guard_is_port(port)) &&
           (str_equal_nocase(name, STR("localhost")) || guard_is_address(AF_INET, name));
}

bool guard_token(struct str token, struct str authorization)
{
    struct str rest;
    struct str scheme = str_cut(str_trim(authorization), ' ', &rest);
    struct str given = str_equal_nocase(scheme, STR("Bearer")) ? str_trim(rest) : STR("");
    return secret_equal(token, given);
}

bool guard_is_loopback(const char *address)
{
    struct in_addr parsed;
    return inet_pton(AF_INET, address, &parsed) == 1 && (ntohl(parsed.s_addr) >> 24) == 127;
}
