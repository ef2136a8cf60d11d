/* The files that TLS needs, read once at the start so that the loop never does: what clients are shown
 * (TLS_CERT, TLS_KEY) and whom instances must be vouched for by (UPSTREAM_CA).
 *
 * A key that others than its owner can read is refused: at most mode 0600, or 0640 when it belongs to root,
 * so that a group can be let in (PostgreSQL's rule). */
#ifndef WALDRILL_PROXY_IO_TLS_H
#define WALDRILL_PROXY_IO_TLS_H

#include "base/buf.h"
#include "base/error.h"
#include "proxy/core/settings.h"

struct tls {
    struct buf cert; /* PEM; empty = no TLS towards clients */
    struct buf key;
    struct buf ca; /* PEM; empty = the system's authorities */
};

/* Empty where nothing is set. On error it holds nothing, and the message names the setting and the file:
 * ERR_INVALID, a setting is wrong. */
int tls_load(struct tls *tls, const struct settings *settings, struct errmsg *msg);
void tls_forget_key(struct tls *tls); /* overwrites it */
void tls_deinit(struct tls *tls);

#endif
