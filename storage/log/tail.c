#include "storage/log/tail.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/log.h"

_Static_assert(MEM_PAGE % LOG_ALIGN == 0, "images are aligned to their pages");

void tail_init(struct tail *tail, size_t segment_bytes, size_t tail_bytes) {
    // The current segment may be almost empty, hence one image more than the bytes ask for.
    *tail = (struct tail){
        .wanted = (tail_bytes + segment_bytes - 1) / segment_bytes + 1,
        .segment_bytes = segment_bytes,
    };
    link_init(&tail->images);
}

static struct tail_image *image_of(struct link *node) {
    return link_entry(node, struct tail_image, link);
}

static void image_free(struct tail *tail, struct tail_image *image) {
    link_remove(&image->link);
    mem_free(image->data);
    mem_free(image);
    tail->count--;
}

void tail_deinit(struct tail *tail) {
    while (!link_is_empty(&tail->images))
        image_free(tail, image_of(tail->images.next));
    *tail = (struct tail){0};
}

static struct tail_image *image_new(struct tail *tail) {
    struct tail_image *image = mem_zalloc(sizeof *image);
    image->data = mem_alloc_pages(tail->segment_bytes);
    image->slot = TAIL_NO_SLOT;
    link_init(&image->link);
    tail->count++;
    return image;
}

struct tail_image *tail_take(struct tail *tail) {
    struct tail_image *image = NULL;
    if (tail->count >= tail->wanted) {
        image = image_of(tail->images.next);
        if (image->pins > 0 && !MUTANT(IMAGE_TAKEN_FROM_FLUSH)) image = NULL;
    }
    if (image == NULL) image = image_new(tail);
    link_remove(&image->link);
    link_push_back(&tail->images, &image->link);
    return image;
}

uint32_t tail_trim(struct tail *tail) {
    if (tail->count <= tail->wanted) return TAIL_NO_SLOT;
    struct tail_image *image = image_of(tail->images.next);
    if (image->pins > 0) return TAIL_NO_SLOT;
    uint32_t slot = image->slot;
    image_free(tail, image);
    return slot;
}
