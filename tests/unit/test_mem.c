#include "proto/base/mem.h"
#include "tests/support/unit.h"

static void no_bytes_still_give_a_pointer(void **state) {
    (void)state;
    void *pieces[] = {mem_alloc(0), mem_zalloc(0), mem_alloc_array(0, 8), mem_dup(NULL, 0),
                      mem_realloc(NULL, 0)};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        assert_non_null(pieces[i]);
        mem_free(pieces[i]);
    }
    mem_free(NULL);
}

static void zeroed_memory_is_zeroed(void **state) {
    (void)state;
    char *bytes = mem_alloc_array(100, 10);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(bytes[i], 0);
    }
    mem_free(bytes);
}

static void grown_memory_keeps_its_bytes(void **state) {
    (void)state;
    char *bytes = mem_dup("abc", 3);
    bytes = mem_realloc(bytes, 100000);
    assert_memory_equal(bytes, "abc", 3);
    assert_true(mem_usable(bytes) >= 100000);
    mem_free(bytes);
}

static void pages_are_aligned_and_can_be_freed(void **state) {
    (void)state;
    static const size_t sizes[] = {1, MEM_PAGE, 3 * MEM_PAGE, (4 << 20) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *bytes = mem_alloc_pages(sizes[i]);
        assert_int_equal((uintptr_t)bytes % MEM_PAGE, 0);
        memset(bytes, 1, sizes[i]);
        mem_free(bytes);
    }
}

static void the_process_knows_what_it_holds(void **state) {
    (void)state;
    assert_true(mem_resident() > 0);
    assert_true(strlen(mem_allocator()) > 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    size_t before = mem_used();
    char *bytes = mem_alloc(64 << 20);
    bytes[0] = 1;
    assert_true(mem_used() >= before + (64 << 20));
    mem_free(bytes);
#endif
}

static void a_thread_knows_what_it_holds(void **state) {
    (void)state;
    enum { MANY = 1 << 20 };
    const int64_t before = mem_thread_used();
    void *bytes = mem_alloc(MANY);
    const int64_t with = mem_thread_used();
    mem_free(bytes);
    if (strncmp(mem_allocator(), "jemalloc", 8) == 0) {
        assert_true(with - before >= MANY);
    } else {
        assert_int_equal(with, 0);
    }
    assert_int_equal(mem_thread_used(), before);
}

static void what_a_thread_has_freed_can_go_back_at_once(void **state) {
    (void)state;
    enum { PIECES = 8192, PIECE = 4096 };
    static void *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = mem_alloc(PIECE);
        memset(pieces[i], 1, PIECE);
    }
    const size_t full = mem_resident();
    for (size_t i = 0; i < PIECES; i++)
        mem_free(pieces[i]);
    mem_thread_release();
    if (strncmp(mem_allocator(), "jemalloc", 8) != 0) skip();
    assert_true(mem_resident() + PIECES * PIECE / 2 < full);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes_still_give_a_pointer),
        cmocka_unit_test(zeroed_memory_is_zeroed),
        cmocka_unit_test(grown_memory_keeps_its_bytes),
        cmocka_unit_test(pages_are_aligned_and_can_be_freed),
        cmocka_unit_test(the_process_knows_what_it_holds),
        cmocka_unit_test(a_thread_knows_what_it_holds),
        cmocka_unit_test(what_a_thread_has_freed_can_go_back_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
