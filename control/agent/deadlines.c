#include "control/agent/deadlines.h"

#include <errno.h>
#include <stdlib.h>

void deadlines_fini(struct deadlines *heap)
{
        free(heap->heap);
        *heap = (struct deadlines){0};
}

static void place(struct deadlines *heap, size_t position, struct deadline *deadline)
{
        heap->heap[position] = deadline;
        deadline->slot = position + 1;
}

static void sift_up(struct deadlines *heap, size_t position)
{
        struct deadline *deadline = heap->heap[position];

        while (position > 0) {
                size_t parent = (position - 1) / 2;

                if (heap->heap[parent]->at_ms <= deadline->at_ms)
                        break;
                place(heap, position, heap->heap[parent]);
                position = parent;
        }
        place(heap, position, deadline);
}

static void sift_down(struct deadlines *heap, size_t position)
{
        struct deadline *deadline = heap->heap[position];

        for (;;) {
                size_t child = 2 * position + 1;

                if (child >= heap->count)
                        break;
                if (child + 1 < heap->count &&
                    heap->heap[child + 1]->at_ms < heap->heap[child]->at_ms)
                        child++;
                if (heap->heap[child]->at_ms >= deadline->at_ms)
                        break;
                place(heap, position, heap->heap[child]);
                position = child;
        }
        place(heap, position, deadline);
}

int deadlines_set(struct deadlines *heap, struct deadline *deadline, uint64_t at_ms)
{
        if (deadline->slot == 0) {
                if (heap->count == heap->capacity) {
                        size_t capacity = heap->capacity > 0 ? 2 * heap->capacity : 16;
                        struct deadline **grown =
                            realloc(heap->heap, capacity * sizeof(heap->heap[0]));

                        if (grown == NULL)
                                return -ENOMEM;
                        heap->heap = grown;
                        heap->capacity = capacity;
                }
                place(heap, heap->count++, deadline);
        }
        deadline->at_ms = at_ms;
        sift_up(heap, deadline->slot - 1);
        sift_down(heap, deadline->slot - 1);
        return 0;
}

void deadlines_clear(struct deadlines *heap, struct deadline *deadline)
{
        size_t position = deadline->slot - 1;
        struct deadline *last;

        if (deadline->slot == 0)
                return;
        deadline->slot = 0;
        last = heap->heap[--heap->count];
        if (last == deadline)
                return;
        place(heap, position, last);
        sift_up(heap, position);
        sift_down(heap, last->slot - 1);
}

struct deadline *deadlines_first(const struct deadlines *heap)
{
        return heap->count > 0 ? heap->heap[0] : NULL;
}
