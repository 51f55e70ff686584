#ifndef LICTOR_RAFT_SHORT_SLICE_H
#define LICTOR_RAFT_SHORT_SLICE_H

/**
 * Have the calling thread wait less for a processor. Threads that often sleep and briefly work pass
 * a write along; on a busy machine each of them would wait until what runs has used up its slice,
 * some milliseconds. Whoever asks for short slices of their own goes first, and gets no more of the
 * processor in all: nothing that needs a privilege. Linux before 6.12 lets it pass without effect.
 *
 * Threads and processes begun by this one are not concerned.
 */
void raft_short_slice(void);

#endif
