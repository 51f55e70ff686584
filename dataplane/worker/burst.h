#ifndef LICTOR_BURST_H
#define LICTOR_BURST_H

/**
 * One burst through the answering pipeline: classify, respond, finish. Neither receives nor sends,
 * so the worker loop and the embeddable responder share it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/packet/frame.h"
#include "dataplane/port/port.h"
#include "dataplane/worker/worker_counters.h"

enum burst_fate { BURST_SEND, BURST_PUNT, BURST_EXCEPTION, BURST_DROP };

struct burst {
        unsigned count;
        unsigned send_count; /* packets whose fate is BURST_SEND */
        struct port_packet packets[PORT_BURST_MAX];
        struct frame_info infos[PORT_BURST_MAX]; /* of frames */
        uint8_t fates[PORT_BURST_MAX];           /* enum burst_fate, set by burst_answer_* */
};

/**
 * Answer the frames of a burst in place and decide the fate of each.
 * @fills_checksums  the port completes checksums; answers are marked for it.
 * context  registered reader; env's zone and table are borrowed under its RCU section.
 */
void burst_answer_frames(struct burst *b, const struct frame_host *host, const struct dns_env *env,
                         bool fills_checksums, struct runtime_counters *counters);

/** The same for bare UDP payloads. */
void burst_answer_datagrams(struct burst *b, const struct dns_env *env,
                            struct runtime_counters *counters);

/** Turn an answered message of length bytes inside its query's frame into a frame to send. */
void burst_finish_frame(struct port_packet *packet, const struct frame_info *info,
                        const struct frame_host *host, uint16_t message_length,
                        bool fills_checksums);

/** Count one message's verdict and rcode. */
void burst_count_message(const struct dns_message *message, struct runtime_counters *counters);

#endif
