/* Files that appear whole or not at all: each is written under a temporary name beside its place and
 * renamed when all of them are written. */
#ifndef WALDRILL_REPORTS_FOLDER_H
#define WALDRILL_REPORTS_FOLDER_H

#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct folder_file {
    const char *name;   /* no slash in it */
    struct str content; /* data NULL: no file of that name is to be there afterwards */
};

/* Makes a folder and those above it; it is there and may be written into afterwards, or the message says
 * which part of the path is in the way. */
int folder_make(const char *path, struct errmsg *msg);
/* Makes of the folder of a run, a buffer of so many bytes, that of its repetition number n, from 1: "PATH/n";
 * 0 is the run itself.  False: that is longer than the buffer. */
bool folder_repetition(char *path, size_t size, uint64_t number);
/* How many of them there are: folders of that name, from 1 without a gap. */
size_t folder_repetitions(const char *path);
/* Writes all files into a folder that exists.  After an error no file is half written and no temporary
 * name is left; those renamed before a rename failed are in place. */
int folder_write(const char *path, const struct folder_file *files, size_t count, struct errmsg *msg);

#endif
