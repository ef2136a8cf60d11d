/* The clients' side and the upstream on real sockets, with a stand-in for the core that answers by what the
 * request's target says: /collect, /later, /relay/..., /abort, /never, anything else "hello".
 *
 *     rig_open(&rig);
 *     ... talk to rig.port, from another thread, while rig_turn(&rig) plays the proxy ...
 *     rig_close(&rig);                       checks that every block came back
 */
#ifndef WALDRILL_TESTS_UNIT_PROXY_IO_RIG_H
#define WALDRILL_TESTS_UNIT_PROXY_IO_RIG_H

#include "proxy/io/clients.h"
#include "proxy/io/upstream.h"

#define RIG_LIMIT 1000 /* bytes of a body that /collect takes */

struct rig {
    int epoll_fd;
    unsigned port;
    struct clients *clients;
    struct client_port client_port;
    struct upstream *up;
    struct upstream_port up_port;
    struct scripted *server;
    unsigned heads;
    unsigned bodies;
    unsigned too_large;
    unsigned failed;
    unsigned dones;
    unsigned delivered;
    unsigned call_ends;
    size_t held_max; /* of the last relay */
    uint64_t later;  /* a client to be answered from the loop */
    unsigned later_turns;
    uint64_t last;
    uint64_t relaying; /* client of the last relayed call */
    struct relay *relay;
    char target[256];
    bool loopback;
    int64_t content_length;
};

void rig_open(struct rig *rig);
void rig_close(struct rig *rig);
void rig_turn(struct rig *rig); /* of the loop; waits 10 ms at most */
void rig_reply_text(struct rig *rig, uint64_t client, int status, const char *text);

#endif
