/* Comparing what somebody gives for a secret with the secret. */
#ifndef WALDRILL_BASE_SECRET_H
#define WALDRILL_BASE_SECRET_H

#include "base/str.h"
#include <stdbool.h>

/* Equal? How long it takes tells the length of given and nothing of the secret: not how much of it was right,
 * nor how long it is. An empty secret equals nothing. */
bool secret_equal(struct str secret, struct str given);

#endif
