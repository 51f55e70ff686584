#ifndef CONTROL_FOLLOW_INTAKE_H
#define CONTROL_FOLLOW_INTAKE_H

/**
 * Takes a snapshot into a store without holding up the loop: another thread decodes it, then it
 * takes the former state's place and listeners are told piece by piece.
 *
 * context  the loop's thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "control/store/store.h"

struct intake;

/** It has been taken in, or result is a negative errno and the store is as it was. */
typedef void (*intake_done_fn)(void *arg, int result);

/** @store  borrowed. returns  NULL without memory. */
struct intake *intake_create(uv_loop_t *loop, struct store *store, intake_done_fn done, void *arg);

/** Give up what is under way; done is not called. Memory goes with the loop's next turns. */
void intake_destroy(struct intake *take_intake);

/**
 * Begin; nothing may be under way. The store must not be written until done is called, which is
 * never before return.
 * @bytes   copied.
 * returns  0 or a negative errno.
 */
int intake_begin(struct intake *intake, const uint8_t *bytes, size_t len);

/** Whether one is under way. */
bool intake_is_busy(const struct intake *intake);

#endif
