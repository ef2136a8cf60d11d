/* CRC-32C (Castagnoli, RFC 3720 appendix B.4); SSE4.2 where the machine has it. */
#ifndef WALDRILL_BASE_CRC32C_H
#define WALDRILL_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc is 0 to begin and the previous result to go on. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size); /* for tests */

#endif
