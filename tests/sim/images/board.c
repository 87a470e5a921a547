#define _GNU_SOURCE // MAP_ANONYMOUS

#include "tests/sim/images/board.h"

#include <string.h>
#include <sys/mman.h>

struct board *board_new(void) {
    void *memory =
        mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void board_add(struct board *board, struct board_row *row, const struct finding *finding) {
    if (finding->kind == VERDICT_LOST)
        row->lost++;
    else
        row->silent++;
    if (row->finding_count < BOARD_FINDINGS_MAX) {
        struct board_finding *kept = &row->findings[row->finding_count];
        memcpy(kept->scenario, row->scenario, sizeof kept->scenario);
        memcpy(kept->image, row->image, sizeof kept->image);
        kept->finding = *finding;
    }
    row->finding_count++;
    atomic_store(&board->is_over, true);
}
