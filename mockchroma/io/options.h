/* mockchroma's command line. */
#ifndef WALDRILL_MOCKCHROMA_IO_OPTIONS_H
#define WALDRILL_MOCKCHROMA_IO_OPTIONS_H

#include "base/buf.h"
#include "base/error.h"
#include "mockchroma/core/mock.h"
#include <netinet/in.h>
#include <stdint.h>

struct options {
    struct mock_options mock;
    const char *host;
    const char *control_host;
    const char *port_file;
    uint16_t port;
    uint16_t control_port;
    const char *upstream; /* NULL: the mock itself */
    struct sockaddr_in upstream_address;
    enum { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_HELP_FAULTS, OPTIONS_VERSION } what;
};

int options_parse(int argc, char **argv, struct options *out, struct errmsg *msg);
void options_help(struct buf *out);

#endif
