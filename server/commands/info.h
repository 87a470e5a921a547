// The files of INFO among themselves: sections write their fields through these.
#ifndef ACKD_SERVER_COMMANDS_INFO_H
#define ACKD_SERVER_COMMANDS_INFO_H

#include <stddef.h>
#include <stdint.h>

#include "server/engine/call.h"

struct info {
    struct call *call;
    struct buf *out;
    struct host_usage usage;
};

void info_field_u64(struct info *info, const char *name, uint64_t value);
void info_field_i64(struct info *info, const char *name, int64_t value);
void info_field_str(struct info *info, const char *name, const char *value);
void info_field_double(struct info *info, const char *name, int decimals, double value);
void info_field_bytes(struct info *info, const char *name, uint64_t bytes); // and <name>_human
// Fields that Redis has and ackd never moves from zero, so that exporters find them.
void info_fields_zero(struct info *info, const char *const *names, size_t count);
double info_ratio(uint64_t part, uint64_t whole); // 0 of nothing

// ---- info_storage.c

void info_persistence(struct info *info);
void info_durability(struct info *info);

#endif
