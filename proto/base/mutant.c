#include "proto/base/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef ACKD_MUTANTS

enum { EXIT_UNKNOWN_MUTANT = 64 };

#define MUTANT_NAME(name, room, what) #name,
static const char *const names[] = {"", MUTANTS(MUTANT_NAME)};
#undef MUTANT_NAME

// The one mutable global of ackd; it exists in this build alone.
static enum mutant active;

// Before main, so that no program under test has to know of mutants.
__attribute__((constructor)) static void mutant_select(void) {
    const char *name = getenv("ACKD_MUTANT");
    if (name == NULL) return;
    for (int mutant = MUTANT_NONE; mutant < MUTANT_COUNT; mutant++) {
        if (strcmp(names[mutant], name) != 0) continue;
        active = (enum mutant)mutant;
        return;
    }
    fprintf(stderr, "ACKD_MUTANT: there is no planted bug named %s (proto/base/mutant.h)\n", name);
    _Exit(EXIT_UNKNOWN_MUTANT);
}

bool mutant_is(enum mutant mutant) {
    return active == mutant;
}

#endif
