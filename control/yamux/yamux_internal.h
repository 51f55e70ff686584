#ifndef CONTROL_YAMUX_YAMUX_INTERNAL_H
#define CONTROL_YAMUX_YAMUX_INTERNAL_H

#include "control/store/msgpack.h"
#include "control/yamux/yamux.h"

#define YAMUX_HEAD_SIZE 12u
#define YAMUX_FRAME_MAX (32u << 10)
/* Bytes of small frames that may wait to be taken before no more input is. */
#define YAMUX_CONTROL_MAX ((size_t)64 << 10)

enum frame_type { FRAME_DATA = 0, FRAME_WINDOW = 1, FRAME_PING = 2, FRAME_GO_AWAY = 3 };
enum frame_flag { FLAG_SYN = 1, FLAG_ACK = 2, FLAG_FIN = 4, FLAG_RST = 8 };

struct frame_head {
        uint8_t version;
        uint8_t type;
        uint16_t flags;
        uint32_t stream;
        uint32_t length;
};

/* Bytes appended at one end and taken at the other; nothing is kept while it is empty. */
struct byte_queue {
        struct byte_buffer buffer;
        size_t at;
};

struct yamux_stream {
        struct yamux_stream *table_next;
        struct yamux *session;
        void *tag;
        struct yamux_stream *ready_next, **ready_link; /* has something to send; NULL: has not */
        struct byte_queue queue;
        uint32_t id;
        uint32_t send_window;
        uint32_t receive_window;
        uint32_t consumed; /* and not yet granted anew */
        bool ours;
        bool accepted;
        bool finish_wanted;
        bool finish_sent;
        bool peer_finished;
        bool finish_told; /* its owner knows that */
};

struct yamux {
        struct yamux_options options;
        struct yamux_stream **slots;
        unsigned slot_bits;
        uint32_t stream_count;
        uint32_t unaccepted_ours;
        uint32_t unaccepted_theirs;
        uint32_t next_id;

        struct yamux_stream *ready, **ready_last;
        struct byte_queue control; /* small frames */
        size_t queued;             /* bytes of all streams' queues */

        uint8_t head[YAMUX_HEAD_SIZE];
        uint8_t head_len;
        uint32_t data_left;           /* of the frame being read */
        struct yamux_stream *reading; /* whose it is; NULL: nobody's any more */
        unsigned pending;             /* events of that frame to tell, bits of 1 << kind */
        uint32_t peer_code;

        bool going_away;
        bool peer_going_away;
        int error;
        const char *complaint;

        uint64_t pinged_ms;
        uint32_t ping;
        bool ping_open;
        bool heard; /* something since the ping */
};

/* yamux_table.c */
int yamux_table_init(struct yamux *session);
struct yamux_stream *yamux_table_find(const struct yamux *session, uint32_t id);
/** A new stream in the table; NULL without memory. */
struct yamux_stream *yamux_table_add(struct yamux *session, uint32_t id, bool ours);
/** Take it from everywhere and free it. */
void yamux_table_remove(struct yamux_stream *take_stream);

/* yamux_send.c */
void yamux_put_control(struct yamux *session, enum frame_type type, unsigned flags, uint32_t id,
                       uint32_t length);
/** Put it among those that have something to send, if it has. */
void yamux_make_ready(struct yamux_stream *stream);
void yamux_make_unready(struct yamux_stream *stream);
/** Free it if nobody has any more to do with it. */
void yamux_release_if_over(struct yamux_stream *stream);
void byte_queue_fini(struct byte_queue *queue);

#endif
