#include "proto/base/link.h"
#include "tests/support/unit.h"

struct item {
    int number;
    struct link link;
};

static void init_items(struct item *items, int count) {
    for (int i = 0; i < count; i++) {
        items[i].number = i;
        link_init(&items[i].link);
    }
}

static int digits_of(struct link *head) {
    int digits = 0;
    struct link *node;
    struct link *spare;
    link_each(node, spare, head) {
        digits = digits * 10 + link_entry(node, struct item, link)->number;
    }
    return digits;
}

static void a_fresh_node_hangs_nowhere(void **state) {
    (void)state;
    struct link head;
    link_init(&head);
    assert_true(link_is_empty(&head));
    assert_false(link_is_linked(&head));
    assert_null(link_first(&head));
    link_remove(&head); // does nothing
    assert_true(link_is_empty(&head));
}

static void nodes_keep_the_order_they_were_put_in(void **state) {
    (void)state;
    struct item items[5];
    init_items(items, 5);
    struct link head;
    link_init(&head);
    link_push_back(&head, &items[2].link);
    link_push_back(&head, &items[3].link);
    link_push_front(&head, &items[1].link);
    link_insert_before(&items[4].link, &items[3].link);
    assert_int_equal(digits_of(&head), 1243);
    assert_ptr_equal(link_first(&head), &items[1].link);
    assert_true(link_is_linked(&items[4].link));
}

static void the_visited_node_may_be_removed(void **state) {
    (void)state;
    struct item items[5];
    init_items(items, 5);
    struct link head;
    link_init(&head);
    for (int i = 1; i < 5; i++) {
        link_push_back(&head, &items[i].link);
    }
    struct link *node;
    struct link *spare;
    link_each(node, spare, &head) {
        if (link_entry(node, struct item, link)->number % 2 == 0) link_remove(node);
    }
    assert_int_equal(digits_of(&head), 13);
    assert_false(link_is_linked(&items[2].link));
    link_each(node, spare, &head) {
        link_remove(node);
    }
    assert_true(link_is_empty(&head));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_node_hangs_nowhere),
        cmocka_unit_test(nodes_keep_the_order_they_were_put_in),
        cmocka_unit_test(the_visited_node_may_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
