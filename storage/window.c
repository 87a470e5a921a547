#include "storage/window.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

static struct window *window_of(struct link *node) {
    return link_entry(node, struct window, link);
}

static uint64_t end_of(const struct window *window) {
    return window->lsn + window->len;
}

void windows_init(struct windows *windows, size_t bytes_max) {
    *windows = (struct windows){.bytes_max = bytes_max};
    link_init(&windows->recent);
}

void windows_deinit(struct windows *windows) {
    while (!link_is_empty(&windows->recent))
        windows_drop(windows, window_of(windows->recent.prev));
}

struct window *window_new(uint64_t lsn, size_t len) {
    struct window *window = mem_alloc(sizeof *window + len);
    *window = (struct window){.lsn = lsn, .len = len, .refs = 1};
    link_init(&window->link);
    return window;
}

void window_ref(struct window *window) {
    window->refs++;
}

void window_unref(struct window *window) {
    if (window == NULL) return;
    must(window->refs > 0);
    if (--window->refs == 0) mem_free(window);
}

void windows_add(struct windows *windows, struct window *window) {
    must(!link_is_linked(&window->link));
    window_ref(window);
    link_push_front(&windows->recent, &window->link);
    windows->count++;
    windows->bytes += window->len;
    while (windows->count > WINDOWS_MAX ||
           (windows->bytes > windows->bytes_max && windows->count > 1))
        windows_drop(windows, window_of(windows->recent.prev));
}

void windows_drop(struct windows *windows, struct window *window) {
    must(link_is_linked(&window->link));
    link_remove(&window->link);
    windows->count--;
    windows->bytes -= window->len;
    window_unref(window);
}

struct window *windows_find(struct windows *windows, uint64_t lsn) {
    struct link *node;
    struct link *spare;
    link_each(node, spare, &windows->recent) {
        struct window *window = window_of(node);
        if (lsn < window->lsn || lsn >= end_of(window)) continue;
        if (node != windows->recent.next) {
            link_remove(node);
            link_push_front(&windows->recent, node);
        }
        return window;
    }
    return NULL;
}

struct window_shape windows_shape(const struct windows *windows, uint64_t lsn, size_t len) {
    struct window_shape shape = {.lsn = lsn, .len = num_max(len, WINDOW_MIN_BYTES)};
    const struct link *head = &windows->recent;
    for (struct link *node = head->next; node != head; node = node->next) {
        const struct window *window = window_of(node);
        const size_t twice = num_min(2 * window->len, WINDOW_MAX_BYTES);
        const uint64_t end = end_of(window);
        if (lsn + len > end && lsn <= end + WINDOW_NEAR_BYTES && lsn >= window->lsn) {
            shape.len = num_max(shape.len, twice);
            shape.is_run = true;
            return shape;
        }
        if (lsn < window->lsn && lsn + len + WINDOW_NEAR_BYTES >= window->lsn) {
            shape.len = num_max(shape.len, twice);
            shape.lsn = lsn + len > shape.len ? lsn + len - shape.len : 0;
            shape.is_run = true;
            return shape;
        }
    }
    return shape;
}
