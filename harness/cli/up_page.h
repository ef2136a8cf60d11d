/* The page of `waldrill up`: its options, the token that opens it when it acts, and what it wants done with
 * the balancer's process.  Private to harness/cli. */
#ifndef WALDRILL_HARNESS_CLI_UP_PAGE_H
#define WALDRILL_HARNESS_CLI_UP_PAGE_H

#include "harness/console/console.h"
#include "harness/real/stack.h"

#define UP_PAGE_PORT  8020
#define UP_PAGE_TOKEN 256

struct up_page {
    struct console_setup setup;
    struct console *console;
    bool acts;
    const char *token_file; /* NULL: a token is made */
    char token[UP_PAGE_TOKEN];
    char setting[CHILD_PATH + 1]; /* of walproxy's ADMIN_TOKEN: "@FILE" */
};

/* All of these say on stderr what is wrong. */
/* The texts of options, NULL where none was given. */
bool up_page_options(struct up_page *p, const char *port, const char *address);
/* With a page that acts: reads the token, or makes one and leaves it in work_dir, for its owner only. */
bool up_page_token(struct up_page *p, const char *work_dir);
bool up_page_open(struct up_page *p, const struct stack *stack, double time_scale);
void up_page_tell(const struct up_page *p);
/* Does what the page wants done with the balancer; true when there was something. */
bool up_page_attend(struct up_page *p, struct stack *stack);

#endif
