/* `walproxy wal ls|show|verify DIR`: reads a log directory without opening it for writing, beside a
 * running walproxy if need be.  Payloads are shown only when asked for (--payload). */
#ifndef WALDRILL_PROXY_IO_LOG_COMMAND_H
#define WALDRILL_PROXY_IO_LOG_COMMAND_H

/* argv[0] is "wal".  Returns the exit status: 0 sound, 1 damaged or unreadable, 2 wrong usage. */
int log_command(int argc, char **argv);

#endif
