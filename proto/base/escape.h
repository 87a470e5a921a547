// The backslash escapes of Redis' double-quoted words, in inline commands and configuration files.
#ifndef ACKD_PROTO_BASE_ESCAPE_H
#define ACKD_PROTO_BASE_ESCAPE_H

#include <stddef.h>

// Decodes the escape at `at` (a backslash and at least one byte behind it: left >= 2) into *out: \n
// \r \t \b \a, \xHH, and any other byte as itself. Returns how many bytes it took.
size_t escape_decode(const char *at, size_t left, char *out);

#endif
