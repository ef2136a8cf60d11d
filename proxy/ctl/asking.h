/* One HTTP request to walproxy after the other, over one connection where that lasts. */
#ifndef WALDRILL_PROXY_CTL_ASKING_H
#define WALDRILL_PROXY_CTL_ASKING_H

#include "base/buf.h"
#include "base/error.h"
#include "proxy/ctl/options.h"
#include <jansson.h>

struct asking;

struct reply {
    long status;
    struct buf body;
    json_t *json; /* of the body */
};

int asking_open(struct asking **out, const struct options *options, struct errmsg *msg);
void asking_close(struct asking *a);
/* target begins with "/"; body may be empty.  ERR_IO: no answer in time, or none that is JSON; msg says what
 * is worth trying.  reply is to be released in either case. */
int asking_do(struct asking *a, const char *method, const char *target, struct str body, struct reply *reply,
              struct errmsg *msg);
void reply_release(struct reply *reply);

#endif
