#include "server/engine/saving.h"

#include "proto/base/must.h"

enum { US_PER_S = 1000 * 1000 };

bool saving_ask(struct saving *saving, enum saving_kind kind, int64_t monotonic_us) {
    if (saving->is_active) return false;
    saving->is_active = true;
    saving->kind = kind;
    saving->began_us = monotonic_us;
    return true;
}

void saving_schedule(struct saving *saving, enum saving_kind kind) {
    saving->accounts[kind].is_scheduled = true;
}

bool saving_wanted(const struct saving *saving) {
    return saving->is_active && !saving->is_running;
}

void saving_began(struct saving *saving, uint64_t effects, int64_t monotonic_us) {
    must(!saving->is_running);
    saving_ask(saving, SAVING_REWRITE, monotonic_us); // unless somebody has
    saving->is_running = true;
    saving->began_us = monotonic_us;
    saving->begun_effects = effects;
}

void saving_ended(struct saving *saving, enum err err, int64_t wall_ms, int64_t monotonic_us) {
    must(saving->is_active);
    struct saving_account *account = &saving->accounts[saving->kind];
    account->last_err = err;
    account->last_took_s = (monotonic_us - saving->began_us) / US_PER_S;
    if (err == ERR_NONE) {
        account->done++;
        account->failures_in_row = 0;
        saving->last_ms = wall_ms;
        saving->last_effects = saving->begun_effects;
    } else {
        account->failures_in_row++;
    }
    saving->is_active = false;
    saving->is_running = false;
    for (unsigned kind = 0; kind < SAVING_KINDS; kind++) {
        if (!saving->accounts[kind].is_scheduled) continue;
        if (!saving_ask(saving, (enum saving_kind)kind, monotonic_us)) continue;
        saving->accounts[kind].is_scheduled = false;
    }
}
