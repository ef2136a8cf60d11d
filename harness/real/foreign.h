/* Programs that are not ours: a real Chroma, another balancer.  They say nothing of themselves, so they are
 * ready when a URL of theirs answers. */
#ifndef WALDRILL_HARNESS_REAL_FOREIGN_H
#define WALDRILL_HARNESS_REAL_FOREIGN_H

#include "harness/real/children.h"

/* How a real Chroma is called: words of a command line, "chroma run" and a settings file are put behind them.
 * Default: chroma, found in PATH. */
#define FOREIGN_CHROMA_VARIABLE "WALDRILL_CHROMA"

/* A port of loopback that was free a moment ago; 0 = none. */
unsigned foreign_free_port(void);
/* Prepares a real Chroma with an empty folder of its own below directory, to listen on a free port; url
 * (at least 64 bytes) gets its address. */
int foreign_chroma_init(struct child *c, const char *name, const char *directory, char *url, size_t size,
                        struct errmsg *msg);
/* Forgets everything it had stored; it must not run. */
int foreign_chroma_empty(const char *name, const char *directory, struct errmsg *msg);
/* Starts it and waits until GET base_url/path is answered 2xx. */
int foreign_start(struct child *c, const char *base_url, const char *path, struct errmsg *msg);
/* Waits for the same; c NULL = it runs without us. */
int foreign_await(struct child *c, const char *base_url, const char *path, struct errmsg *msg);

#endif
