/* The operator's desk: a folder with their own commands, and the shell they type in.
 *
 * In that shell $LB, $PRIMARY and $REPLICA are those of the drill, and `curl` is a wrapper that takes the
 * guide's hosts for them, so that the guide's literal lines and scripts work; any other host is refused and
 * told, because a drill talks to nobody else.  What is typed is noted with its exit status.
 *
 * The folder is all that another terminal needs: `source DIR/desk/rc`. */
#ifndef WALDRILL_HARNESS_DESK_DESK_H
#define WALDRILL_HARNESS_DESK_DESK_H

#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DESK_PATH 4096

struct desk_options {
    const char *directory; /* made anew */
    const char *bin_dir;   /* of waldrill: walproxy ctl stands there */
    const char *shell;     /* a bash; NULL = the one in PATH */
    unsigned ports[4];     /* of the observer */
    bool has_replica;
};

/* A command that was typed and has ended. */
struct desk_typed {
    char *command;
    int exit_status;
    uint64_t ended_ns; /* CLOCK_REALTIME */
};

struct desk {
    char directory[DESK_PATH];
    char shell[DESK_PATH];
    pid_t child; /* the shell, or the command of desk_run; 0 = none */
    bool interactive;
    long typed_at; /* how far the file of commands has been read */
};

/* The operator's own commands, up to NULL. */
extern const char *const desk_words[];
/* Writes the folder. */
int desk_prepare(struct desk *d, const struct desk_options *options, struct errmsg *msg);
/* An interactive shell on this terminal. */
int desk_open(struct desk *d, struct errmsg *msg);
/* Something was written over the shell's prompt: shows it again (what they had begun to type, Ctrl-L does).
 */
void desk_redraw(const struct desk *d);
/* A command in a shell of its own, its output kept. */
int desk_run(struct desk *d, const char *command, struct errmsg *msg);
/* Has the shell or the command ended? */
bool desk_ended(struct desk *d, int *exit_status);
/* What desk_run's command has printed. */
void desk_output(const struct desk *d, struct buf *out);
/* The next command that was typed; the text is the caller's. */
bool desk_next(struct desk *d, struct desk_typed *out);
/* Ends the shell or the command with all it has started, and gives the terminal back. */
void desk_close(struct desk *d);

#endif
