#include <stdalign.h>

#include "proto/base/arena.h"
#include "tests/support/unit.h"

static void pieces_are_zeroed_aligned_and_apart(void **state) {
    (void)state;
    struct arena arena = {0};
    char *pieces[500];
    for (size_t i = 0; i < 500; i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(pieces[i][k], 0);
        }
        if (i > 0) memset(pieces[i], (int)(i % 251) + 1, i);
    }
    for (size_t i = 1; i < 500; i++) {
        assert_int_equal((unsigned char)pieces[i][0], i % 251 + 1);
        assert_int_equal((unsigned char)pieces[i][i - 1], i % 251 + 1);
    }
    arena_deinit(&arena);
}

static void a_large_piece_leaves_the_current_block_in_use(void **state) {
    (void)state;
    struct arena arena = {0};
    char *before = arena_alloc(&arena, 16);
    char *large = arena_alloc(&arena, 1 << 20);
    char *after = arena_alloc(&arena, 16);
    assert_ptr_equal(after, before + 16);
    memset(large, 1, 1 << 20);
    assert_int_equal(before[0], 0);
    arena_deinit(&arena);
}

static void the_first_piece_may_be_large(void **state) {
    (void)state;
    struct arena arena = {0};
    memset(arena_alloc(&arena, 100000), 1, 100000);
    memset(arena_alloc(&arena, 10), 1, 10);
    arena_deinit(&arena);
}

static void a_reset_arena_is_used_again(void **state) {
    (void)state;
    struct arena arena = {0};
    arena_reset(&arena);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 1000; i++) {
            char *piece = arena_alloc(&arena, 100);
            assert_int_equal(piece[99], 0);
            memset(piece, 'x', 100);
        }
        arena_alloc(&arena, 1 << 20);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    arena_deinit(&arena);
}

static void copies_do_not_follow_the_original(void **state) {
    (void)state;
    struct arena arena = {0};
    char text[] = "abc";
    struct slice copy = arena_dup(&arena, SLICE(text));
    text[0] = 'x';
    assert_text(copy, "abc");
    assert_text(arena_dup(&arena, SLICE_EMPTY), "");
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_large_piece_leaves_the_current_block_in_use),
        cmocka_unit_test(the_first_piece_may_be_large),
        cmocka_unit_test(a_reset_arena_is_used_again),
        cmocka_unit_test(copies_do_not_follow_the_original),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
