/* What stands between the operator and the system: a small server for each of the three instances, and one
 * for the words of the operator's own commands (hint, pause, ...).
 *
 * The observer answers nothing by itself.  Every request waits until its owner takes it, has it carried out
 * by the engine, and hands the answer back; so each is noticed, and goes the way every request of the run
 * goes. Its threads only move bytes; everything else happens in the owner's thread. */
#ifndef WALDRILL_HARNESS_DESK_OBSERVER_H
#define WALDRILL_HARNESS_DESK_OBSERVER_H

#include "base/buf.h"
#include "base/error.h"
#include "harness/engine.h"

#define OBSERVER_PORTS 4 /* by enum engine_target, then the desk */
#define OBSERVER_DESK  3

/* A request that waits for its answer. */
struct observer_call {
    unsigned port; /* enum engine_target or OBSERVER_DESK */
    char *method;
    char *path;         /* as sent, with query */
    struct buf headers; /* "Name: value\r\n" lines, without those of the connection */
    struct buf body;
    /* private to observer.c */
    struct observer *owner;
    struct observer_call *next;
    void *connection;
    bool answered, broken;
    int status;
    struct buf answer_headers, answer_body;
};

struct observer;

/* Listens on four ports of loopback that the kernel chooses. */
struct observer *observer_start(struct errmsg *msg);
unsigned observer_port(const struct observer *o, unsigned port);
/* The next request; NULL = none waits.  It belongs to the caller until it has been answered. */
struct observer_call *observer_take(struct observer *o);
/* Answers it; headers are lines, those of the connection are left out. */
void observer_answer(struct observer_call *call, int status, struct str headers, struct str body);
/* The connection is closed without an answer. */
void observer_break(struct observer_call *call);
/* Every call that was taken must have been answered or broken. */
void observer_stop(struct observer *o);

#endif
