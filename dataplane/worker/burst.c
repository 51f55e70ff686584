#include "dataplane/worker/burst.h"

#include <assert.h>

static_assert(PORT_BURST_MAX % SVC_BURST_MAX == 0, "a received burst is answered in whole steps");
static_assert(sizeof(struct port_packet) == 32, "two descriptors share a cache line");

void burst_count_message(const struct dns_message *message, struct runtime_counters *counters)
{
        if (message->verdict == DNS_ANSWERED) {
                counter_add(&counters->answered, 1);
                counter_add(&counters->answered_by_rcode[message->rcode & 15], 1);
        } else if (message->verdict != DNS_PUNT) {
                counter_add(&counters->dns_dropped[message->verdict], 1);
        }
}

// Where the sums of question and answer are known, the answer need not be read again for its own.
static void finish_frame(struct port_packet *packet, const struct frame_info *info,
                         const struct frame_host *host, const struct dns_message *message,
                         bool fills_checksums)
{
        if (message->sum_change != 0 && info->sum_known && !fills_checksums)
                packet->length = frame_finish_changed(host, packet->data, info, message->length,
                                                      message->sum_change);
        else
                burst_finish_frame(packet, info, host, message->length, fills_checksums);
}

void burst_finish_frame(struct port_packet *packet, const struct frame_info *info,
                        const struct frame_host *host, uint16_t message_length,
                        bool fills_checksums)
{
        packet->length =
            frame_finish_answer(host, packet->data, info, message_length, fills_checksums);
        if (!fills_checksums)
                return;
        packet->l2_length = (uint8_t)info->l2_length;
        packet->l3_length = (uint8_t)info->l3_length;
        packet->ip_version = info->ip_version;
}

// Everything that is not DNS; its fate is decided here and now.
static enum burst_fate settle_frame(struct burst *b, unsigned i, enum frame_verdict verdict)
{
        if (verdict == FRAME_REPLY) {
                b->packets[i].length = b->infos[i].frame_length;
                b->send_count++;
                return BURST_SEND;
        }
        return verdict == FRAME_EXCEPTION ? BURST_EXCEPTION : BURST_DROP;
}

static unsigned classify(struct burst *b, const struct frame_host *host,
                         struct dns_message messages[], uint8_t owners[],
                         struct runtime_counters *counters)
{
        unsigned message_count = 0;

        for (unsigned i = 0; i < b->count; i++) {
                struct port_packet *p = &b->packets[i];
                struct frame_info *info = &b->infos[i];
                enum frame_verdict verdict;
                uint16_t room;

                verdict = frame_classify(host, p->data, p->length, p->capacity, p->checksums, info);
                if (verdict != FRAME_DNS) {
                        counter_add(&counters->frames[verdict], 1);
                        b->fates[i] = (uint8_t)settle_frame(b, i, verdict);
                        continue;
                }
                room = (uint16_t)(p->capacity - info->message_offset);
                messages[message_count] = (struct dns_message){
                    .data = p->data + info->message_offset,
                    .length = info->message_length,
                    .capacity = room < info->message_max ? room : info->message_max,
                };
                owners[message_count++] = (uint8_t)i;
        }
        counter_add(&counters->frames[FRAME_DNS], message_count);
        return message_count;
}

// A port is cheaper to ask for many packets at once than the responder's caches are.
static void respond(const struct dns_env *env, struct dns_message messages[], unsigned n)
{
        for (unsigned next = 0; next < n; next += SVC_BURST_MAX)
                dns_respond_burst(env, &messages[next],
                                  n - next < SVC_BURST_MAX ? n - next : SVC_BURST_MAX);
}

static enum burst_fate fate_of(const struct dns_message *message)
{
        if (message->verdict == DNS_ANSWERED)
                return BURST_SEND;
        return message->verdict == DNS_PUNT ? BURST_PUNT : BURST_DROP;
}

// Answers without error are nearly all there is: counted once a burst.
static void count_messages(const struct dns_message messages[], unsigned n,
                           struct runtime_counters *counters)
{
        unsigned plain = 0;

        for (unsigned m = 0; m < n; m++) {
                if (messages[m].verdict == DNS_ANSWERED && messages[m].rcode == 0)
                        plain++;
                else
                        burst_count_message(&messages[m], counters);
        }
        counter_add(&counters->answered, plain);
        counter_add(&counters->answered_by_rcode[0], plain);
}

void burst_answer_frames(struct burst *b, const struct frame_host *host, const struct dns_env *env,
                         bool fills_checksums, struct runtime_counters *counters)
{
        struct dns_message messages[PORT_BURST_MAX];
        uint8_t owners[PORT_BURST_MAX];
        unsigned n;

        b->send_count = 0;
        n = classify(b, host, messages, owners, counters);
        if (n == 0)
                return;
        respond(env, messages, n);
        count_messages(messages, n, counters);
        for (unsigned m = 0; m < n; m++) {
                unsigned i = owners[m];
                enum burst_fate fate = fate_of(&messages[m]);

                b->fates[i] = (uint8_t)fate;
                if (fate != BURST_SEND)
                        continue;
                finish_frame(&b->packets[i], &b->infos[i], host, &messages[m], fills_checksums);
                b->send_count++;
        }
}

void burst_answer_datagrams(struct burst *b, const struct dns_env *env,
                            struct runtime_counters *counters)
{
        struct dns_message messages[PORT_BURST_MAX];

        b->send_count = 0;
        for (unsigned i = 0; i < b->count; i++)
                messages[i] = (struct dns_message){
                    .data = b->packets[i].data,
                    .length = b->packets[i].length,
                    .capacity = b->packets[i].capacity,
                };
        respond(env, messages, b->count);
        count_messages(messages, b->count, counters);
        for (unsigned i = 0; i < b->count; i++) {
                b->fates[i] = (uint8_t)fate_of(&messages[i]);
                b->packets[i].length = messages[i].length;
                if (b->fates[i] == BURST_SEND)
                        b->send_count++;
        }
}
