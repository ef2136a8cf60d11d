/* Hosts and names.
 *
 * A list of hosts that is written by hand is worth something only if nothing gets past it: a URL is taken
 * apart by strict rules (no user, no path, no blanks), and hosts are compared whole.  What a host resolves to
 * is not looked at: a name in the list is trusted as far as the resolver is.
 *
 * A name looks like production when one of its words does; a word is a run of letters, so that "prod1" and
 * "eu-PROD" count, and "product" and "delivery" do not. */
#include "harness/target/guard.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const production[] = { "prod", "production", "prd", "live" };

static bool host_letters_ok(struct str host)
{
    bool ok = host.size > 0;
    for (size_t i = 0; i < host.size; i++) {
        unsigned char c = (unsigned char)host.data[i];
        ok = ok && (isalnum(c) || strchr(".-_", c) != NULL);
    }
    return ok;
}

/* "[::1]" of "[::1]:8000"; rest is what stands behind it. */
static bool cut_bracketed(struct str text, struct str *host, struct str *rest)
{
    const char *end = memchr(text.data, ']', text.size);
    if (end == NULL) {
        return false;
    }
    *host = str_make(text.data, (size_t)(end - text.data) + 1);
    *rest = str_make(end + 1, text.size - host->size);
    for (size_t i = 1; i + 1 < host->size; i++) {
        if (!isxdigit((unsigned char)host->data[i]) && host->data[i] != ':' && host->data[i] != '.') {
            return false;
        }
    }
    return host->size > 2;
}

static bool port_ok(struct str rest)
{
    unsigned long port = 0;
    if (rest.size == 0) {
        return true;
    }
    if (rest.data[0] != ':' || rest.size < 2 || rest.size > 6) {
        return false;
    }
    for (size_t i = 1; i < rest.size; i++) {
        if (!isdigit((unsigned char)rest.data[i])) {
            return false;
        }
        port = port * 10 + (unsigned long)(rest.data[i] - '0');
    }
    return port > 0 && port < 65536;
}

int target_guard_host(const char *url, char *out, size_t size, struct errmsg *msg)
{
    struct str text = str_make(url, strlen(url));
    size_t scheme = str_starts(text, STR("http://")) ? 7 : str_starts(text, STR("https://")) ? 8 : 0;
    struct str rest = str_make(text.data + scheme, text.size - scheme);
    struct str host = rest;
    bool ok = scheme > 0;
    if (ok && rest.size > 0 && rest.data[0] == '[') {
        ok = cut_bracketed(rest, &host, &rest);
    } else if (ok) {
        const char *colon = memchr(rest.data, ':', rest.size);
        host.size = colon == NULL ? rest.size : (size_t)(colon - rest.data);
        rest = str_make(host.data + host.size, rest.size - host.size);
        ok = host_letters_ok(host);
    }
    if (!ok || !port_ok(rest) || host.size >= size) {
        return error_set(msg, ERR_SYNTAX,
                         "a URL is http:// or https://, a host and a port, and nothing else, as in "
                         "http://chroma-1.staging:8001; not \"%.100s\"",
                         url);
    }
    for (size_t i = 0; i < host.size; i++) {
        out[i] = (char)tolower((unsigned char)host.data[i]);
    }
    out[host.size] = '\0';
    return 0;
}

struct str target_guard_production(const char *text)
{
    for (size_t at = 0; text[at] != '\0';) {
        size_t size = 0;
        while (isalpha((unsigned char)text[at + size])) {
            size++;
        }
        for (size_t i = 0; i < sizeof(production) / sizeof(production[0]); i++) {
            if (size == strlen(production[i]) && strncasecmp(text + at, production[i], size) == 0) {
                return str_make(text + at, size);
            }
        }
        at += size == 0 ? 1 : size;
    }
    return str_make(text, 0);
}

bool target_guard_allows(const char *host, char *const *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(host, hosts[i]) == 0) {
            return true;
        }
    }
    return false;
}
