/* Assertions that stay on in release builds of the core: a programming error stops the process,
 * because a log whose writer is confused is worth less than a process that is restarted. */
#ifndef WALDRILL_BASE_CHECK_H
#define WALDRILL_BASE_CHECK_H

/* Prints "file:line: check failed: text" to stderr and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *text);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

#endif
