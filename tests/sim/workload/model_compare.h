// Comparing the model with the real databases: what the files that do it share.
#ifndef ACKD_TESTS_SIM_WORKLOAD_MODEL_COMPARE_H
#define ACKD_TESTS_SIM_WORKLOAD_MODEL_COMPARE_H

#include "tests/sim/workload/model_state.h"

struct model_comparison {
    const struct model *model;
    const struct keyspace *keyspace;
    struct store *store;
    int64_t now_ms;
    struct fault *fault;
    unsigned db;
    const struct model_key *key;
    struct buf scratch;
    enum err err;
};

// Both return the error they note.
enum err model_differ(struct model_comparison *comparison, const char *what);
enum err model_compare_count(struct model_comparison *comparison, const char *of, uint64_t real,
                             uint64_t modelled);

// model_compare_streams.c
enum err model_compare_stream(struct model_comparison *comparison, const struct stream *stream);

#endif
