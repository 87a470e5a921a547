#include "bench/load/workload.h"

#include <string.h>

#include "bench/load/fail.h"
#include "bench/load/workloads.h"

static const struct workload *const workloads[] = {
    &workload_enqueue,        &workload_list_cycle,   &workload_stream_cycle,  &workload_stream_add,
    &workload_stream_deliver, &workload_ping,         &workload_mixed,         &workload_lrem,
    &workload_xautoclaim,     &workload_drain,        &workload_range,         &workload_churn_fifo,
    &workload_churn_old,      &workload_churn_random, &workload_churn_strings,
};

const struct workload *workload_at(size_t i) {
    return i < sizeof(workloads) / sizeof(workloads[0]) ? workloads[i] : NULL;
}

const struct workload *workload_find(const char *name) {
    for (size_t i = 0; workload_at(i) != NULL; i++)
        if (strcmp(workload_at(i)->name, name) == 0) return workload_at(i);
    fail(EXIT_USAGE, "there is no workload %s; --help lists them", name);
}
