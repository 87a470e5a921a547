// What libFuzzer and replay_main.c call, once per input. It returns 0, or does not return at all:
// what must hold is said with must().
#ifndef ACKD_TESTS_FUZZ_TARGET_H
#define ACKD_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer chose the name.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
