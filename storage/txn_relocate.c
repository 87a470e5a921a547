// Moves payloads to the end of the log. The handler of nobody: the cleaner calls it.
#include "proto/base/must.h"
#include "storage/store_state.h"
#include "storage/txn.h"

void txn_relocate(struct txn *txn, const struct txn_relocation *relocation) {
    struct store *store = txn->store;
    must(relocation->count <= TXN_VALUES_PER_RECORD);
    txn_reserve_scratch(store, relocation->count);
    for (size_t i = 0; i < relocation->count; i++)
        store->values[i] = (struct effect_value){.bytes = relocation->values[i]};
    const struct effect effect = {.type = EFFECT_RELOCATE,
                                  .db = relocation->db,
                                  .key = relocation->key,
                                  .value_type = relocation->type,
                                  .count = (uint32_t)relocation->count,
                                  .values = store->values,
                                  .indexes = relocation->indexes,
                                  .fields = relocation->fields,
                                  .ids = relocation->ids};
    txn_effect_split(txn, &effect);
}

bool txn_relocation_fits(const struct store *store, size_t key_len, size_t place_len,
                         size_t value_len) {
    return key_len + place_len + value_len + TXN_RELOCATION_OVERHEAD <= log_record_max(store->log);
}
