/* What a person at the console asks for, as the one request (or the one deed) that does it.
 *
 * A table of actions and one of presets (faults with a name that says what they are for) drive this parser,
 * the page's buttons and docs/console.md.  Pure. */
#ifndef WALDRILL_HARNESS_CONSOLE_ORDER_H
#define WALDRILL_HARNESS_CONSOLE_ORDER_H

#include "base/buf.h"
#include "base/error.h"
#include "harness/console/console.h"
#include <stdbool.h>
#include <stdint.h>

#define ORDER_PATH   160
#define ORDER_WRITES 1000 /* at most, in one order */

enum order_to {
    ORDER_BALANCER, /* a request below its /admin */
    ORDER_PRIMARY,  /* a request to a mock's control port */
    ORDER_REPLICA,
    ORDER_PROCESS, /* what becomes of the balancer's process */
    ORDER_WRITE,   /* count writes through the balancer */
    ORDER_HEAL     /* everything back as it was */
};

enum order_process {
    PROCESS_RESTART,
    PROCESS_STOP,
    PROCESS_START,
    PROCESS_KILL,
    PROCESS_FREEZE,
    PROCESS_THAW
};

struct order {
    enum order_to to;
    const char *method;
    char path[ORDER_PATH];
    struct buf body;
    bool is_fault; /* it gets a lease, which the console renews */
    enum console_deed deed;
    uint64_t count;
};

struct order_preset {
    const char *name;
    const char *says;     /* for a person */
    const char *document; /* of docs/faults.md */
};
extern const struct order_preset order_presets[]; /* up to name NULL */

/* document: one JSON object, {"do": ACTION, ...}.  lease_ns: of faults, in the mock's time.  The caller ends
 * it with order_deinit, however this ended.  ERR_INVALID with words: nothing is to be done. */
int order_read(struct str document, uint64_t lease_ns, struct order *out, struct errmsg *msg);
void order_deinit(struct order *order);
/* Presets and the mock's kinds, for the page: {"presets": [...], "kinds": [...]}. */
void order_menu(struct buf *out);
/* Both tables, as docs/console.md shows them. */
void order_manual(struct buf *out);

#endif
