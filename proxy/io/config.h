/* Where settings come from: the command line, the environment and the file that --config names. */
#ifndef WALDRILL_PROXY_IO_CONFIG_H
#define WALDRILL_PROXY_IO_CONFIG_H

#include "base/error.h"
#include "proxy/core/settings.h"

enum config_wish { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION, CONFIG_PRINT, CONFIG_MARKDOWN, CONFIG_RULES };

/* argv without the program's name.  environment ends with NULL.  On success wish tells what the command
 * line asks for; the draft is complete for CONFIG_RUN, CONFIG_PRINT and CONFIG_RULES.  Errors are one line
 * each. */
int config_load(struct settings_draft *draft, enum config_wish *wish, int argc, char *const argv[],
                char *const environment[], struct errmsg *msg);
/* The text of --help. */
struct buf;
void config_help(struct buf *out);

#endif
