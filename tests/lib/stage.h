/* A mockchroma for tests of what goes over the wire: alone, or as a gateway in front of another one, so
 * that the same test says the same of both. */
#ifndef WALDRILL_TESTS_LIB_STAGE_H
#define WALDRILL_TESTS_LIB_STAGE_H

#include <stdbool.h>
#include <stddef.h>

struct process;

struct stage {
    struct process *mock;   /* where the faults are */
    struct process *server; /* behind a gateway; NULL without one */
    unsigned port;          /* where clients go */
    unsigned control;
    unsigned truth; /* port of the server itself, past the faults */
    char uuid[40];  /* of a collection named "things" */
    char path[200]; /* "/api/v2/.../collections/UUID" */
};

/* Started, with the collection made.  upstream_port 0: with gateway, a mockchroma behind it is started too.
 */
void stage_open(struct stage *s, bool gateway, unsigned upstream_port);
void stage_close(struct stage *s);

/* Activates a fault; its id.  The test fails when the document is refused. */
unsigned long stage_fault(struct stage *s, const char *document);
void stage_clear(struct stage *s);

/* How many records the server holds, asked past the faults; -1 when it does not answer. */
long stage_count(const struct stage *s);
bool stage_wait_count(const struct stage *s, long wanted); /* bounded */
/* The newest journal entry that holds text, as one line; "" when there is none. */
void stage_journal(const struct stage *s, const char *text, char *line, size_t size);
bool stage_wait_journal(const struct stage *s, const char *text, char *line, size_t size);

enum wire_end { WIRE_OPEN, WIRE_CLOSED, WIRE_RESET };

/* Sends one request and reads until the connection ends, or is silent for quiet_ms. */
struct wire_bytes {
    char *data; /* terminated */
    size_t size;
    enum wire_end end;
};
struct wire_bytes wire_exchange(int fd, const char *request, int quiet_ms);
void wire_bytes_free(struct wire_bytes *b);

/* The text of "POST PATH/VERB", to be followed by a close, with a body of records ids "a0".."aN-1" of three
 * numbers; valid until the next call. */
const char *stage_records(const struct stage *s, const char *verb, const char *id, unsigned count);

#endif
