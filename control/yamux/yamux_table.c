#include "control/yamux/yamux_internal.h"

#include <errno.h>
#include <stdlib.h>

#define SLOT_BITS_MIN 4u

int yamux_table_init(struct yamux *session)
{
        session->slot_bits = SLOT_BITS_MIN;
        session->slots = calloc((size_t)1 << SLOT_BITS_MIN, sizeof(struct yamux_stream *));
        return session->slots != NULL ? 0 : -ENOMEM;
}

// The other side chooses the numbers: a multiplier it does not know keeps the chains short.
static size_t slot_of(const struct yamux *session, unsigned bits, uint32_t id)
{
        return (size_t)((id * (session->options.seed | 1)) >> (64 - bits));
}

// Without memory for more slots the old ones go on, with longer chains.
static void grow(struct yamux *session)
{
        unsigned bits = session->slot_bits + 1;
        struct yamux_stream **slots = calloc((size_t)1 << bits, sizeof(*slots));

        if (slots == NULL)
                return;
        for (size_t i = 0; i < (size_t)1 << session->slot_bits; i++) {
                struct yamux_stream *next;

                for (struct yamux_stream *s = session->slots[i]; s != NULL; s = next) {
                        size_t slot = slot_of(session, bits, s->id);

                        next = s->table_next;
                        s->table_next = slots[slot];
                        slots[slot] = s;
                }
        }
        free(session->slots);
        session->slots = slots;
        session->slot_bits = bits;
}

struct yamux_stream *yamux_table_find(const struct yamux *session, uint32_t id)
{
        struct yamux_stream *s = session->slots[slot_of(session, session->slot_bits, id)];

        while (s != NULL && s->id != id)
                s = s->table_next;
        return s;
}

struct yamux_stream *yamux_table_add(struct yamux *session, uint32_t id, bool ours)
{
        struct yamux_stream *stream = calloc(1, sizeof(*stream));
        struct yamux_stream **slot;

        if (stream == NULL)
                return NULL;
        if (session->stream_count >= (uint32_t)1 << session->slot_bits)
                grow(session);
        *stream = (struct yamux_stream){.session = session,
                                        .id = id,
                                        .send_window = YAMUX_WINDOW,
                                        .receive_window = YAMUX_WINDOW,
                                        .ours = ours};
        slot = &session->slots[slot_of(session, session->slot_bits, id)];
        stream->table_next = *slot;
        *slot = stream;
        session->stream_count++;
        *(ours ? &session->unaccepted_ours : &session->unaccepted_theirs) += 1;
        return stream;
}

void yamux_table_remove(struct yamux_stream *take_stream)
{
        struct yamux *session = take_stream->session;
        struct yamux_stream **link =
            &session->slots[slot_of(session, session->slot_bits, take_stream->id)];

        while (*link != take_stream)
                link = &(*link)->table_next;
        *link = take_stream->table_next;
        session->stream_count--;
        if (!take_stream->accepted)
                *(take_stream->ours ? &session->unaccepted_ours : &session->unaccepted_theirs) -= 1;
        if (session->reading == take_stream) {
                session->reading = NULL;
                session->pending = 0;
        }
        yamux_make_unready(take_stream);
        session->queued -= take_stream->queue.buffer.len - take_stream->queue.at;
        byte_queue_fini(&take_stream->queue);
        free(take_stream);
}
