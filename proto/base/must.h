// Assertions that stay on in production. `must` states what has to hold for the program to be
// right; a failure is a bug of ours, never bad input, and stops the process before it can write or
// say anything wrong.
#ifndef ACKD_PROTO_BASE_MUST_H
#define ACKD_PROTO_BASE_MUST_H

// Prints the condition, its place and its callers (for addr2line) to stderr and aborts.
_Noreturn void must_fail(const char *condition, const char *file, int line);

#define must(condition) ((condition) ? (void)0 : must_fail(#condition, __FILE__, __LINE__))

// Marks a place that no value of a switched enum reaches.
#define must_not_reach() must_fail("not reached", __FILE__, __LINE__)

#endif
