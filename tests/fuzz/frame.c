// Any frame: never out of bounds, never an answer larger than the rules allow, and what is answered
// is a frame that its receiver accepts.
//
// Input: one byte of settings (exception, checksum status, a tail of spare room, how the answer's
// checksum is made), then the frame.

#include <stdlib.h>
#include <string.h>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/frame_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SPARE   64u // room behind the frame, when there is any
#define NDP_GAP 8u  // what an advertisement to a group may have more

static void require(bool condition)
{
        if (!condition)
                abort();
}

static const struct frame_host host = {
    .mac = {2, 0, 0, 0, 0, 2},
    .mtu = 1500,
    .dns_port = 8600,
    .ipv4_count = 1,
    .ipv6_count = 1,
    .ipv4 = {{10, 99, 0, 2}},
    .ipv6 = {{0xfd, [13] = 0xab, [14] = 0xcd, [15] = 0xef}},
};

// The client as a host: the mirror that must accept our answer.
static struct frame_host mirror_of(const uint8_t *frame, const struct frame_info *info)
{
        struct frame_host mirror = {.mtu = 1500};
        const uint8_t *ip = frame + info->l2_length, *udp = ip + info->l3_length;

        memcpy(mirror.mac, frame + 6, 6);
        mirror.dns_port = (uint16_t)(udp[0] << 8 | udp[1]);
        if (info->ip_version == 4)
                memcpy(mirror.ipv4[mirror.ipv4_count++], ip + 12, 4);
        else
                memcpy(mirror.ipv6[mirror.ipv6_count++], ip + 8, 16);
        return mirror;
}

static uint16_t sum_of(const uint8_t *data, size_t length)
{
        return checksum_fold(checksum_add(0, data, length));
}

static void check_query(uint8_t *frame, uint16_t capacity, const struct frame_info *info,
                        uint16_t length, uint8_t settings)
{
        struct frame_checksums unknown = {FRAME_CHECKSUM_UNKNOWN, FRAME_CHECKSUM_UNKNOWN};
        struct frame_host mirror = mirror_of(frame, info);
        uint16_t answer = info->message_length, answered, change;
        struct frame_info seen;

        require(info->message_offset == info->l2_length + info->l3_length + 8);
        require(info->message_offset + info->message_length <= length);
        require(info->l3_length + 8u + info->message_max <= host.mtu || info->message_max == 0);
        require(info->message_max == 0 || info->message_offset + info->message_max <= capacity);
        if ((settings & 0x80) != 0 || answer > info->message_max)
                answer = info->message_max;
        change = (uint16_t)~sum_of(frame + info->message_offset, info->message_length);
        memset(frame + info->message_offset, settings, answer);
        change = checksum_fold((uint64_t)change + sum_of(frame + info->message_offset, answer));
        if (info->sum_known && (settings & 0x40) != 0)
                answered = frame_finish_changed(&host, frame, info, answer, change);
        else
                answered = frame_finish_answer(&host, frame, info, answer, false);
        require(answered == info->message_offset + answer && answered <= capacity);
        // A frame from a zero address or one that is ours was dropped before; the client accepts.
        require(frame_classify(&mirror, frame, answered, answered, unknown, &seen) == FRAME_DNS);
        require(seen.message_offset == info->message_offset && seen.message_length == answer);
}

// The short way in and the long one agree on every frame.
static void check_agreement(const struct frame_host *us, const uint8_t *data, uint16_t length,
                            uint16_t capacity, struct frame_checksums told,
                            enum frame_verdict verdict, const struct frame_info *info)
{
        uint8_t *frame = malloc(capacity > 0 ? capacity : 1);
        struct frame_info seen, plain;
        bool is_plain;

        require(frame != NULL);
        memcpy(frame, data, length);
        is_plain = frame_classify_plain(us, frame, length, capacity, told, &plain);
        require(frame_classify_any(us, frame, length, capacity, told, &seen) == verdict);
        // Only the short way sums what it may be asked to change.
        seen.sum_known = is_plain && plain.sum_known;
        require(memcmp(info, is_plain ? &plain : &seen, sizeof(seen)) == 0);
        require(!is_plain || (plain.message_offset == seen.message_offset &&
                              plain.message_length == seen.message_length &&
                              plain.message_max == seen.message_max));
        require(is_plain == (verdict == FRAME_DNS && seen.l2_length == 14 && seen.ip_version == 4));
        free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct frame_host us = host;
        struct frame_checksums told;
        struct frame_info info;
        enum frame_verdict verdict;
        uint16_t length, capacity;
        uint8_t settings, *frame, *before;

        if (size < 1 || size > 9000)
                return 0;
        settings = data[0];
        us.has_exception = (settings & 1) != 0;
        told = (struct frame_checksums){(settings >> 1 & 3) % 3, (settings >> 3 & 3) % 3};
        length = (uint16_t)(size - 1);
        capacity = (uint16_t)(length + (settings & 0x20 ? SPARE : 0));
        // Exactly the capacity, so that ASan sees a step past it.
        frame = malloc(capacity > 0 ? capacity : 1);
        before = malloc(capacity > 0 ? capacity : 1);
        require(frame != NULL && before != NULL);
        memcpy(frame, data + 1, length);
        memcpy(before, data + 1, length);

        verdict = frame_classify(&us, frame, length, capacity, told, &info);
        check_agreement(&us, data + 1, length, capacity, told, verdict, &info);
        require(verdict < FRAME_VERDICT_COUNT && frame_verdict_name(verdict) != NULL);
        require(verdict != FRAME_EXCEPTION || us.has_exception);
        if (verdict == FRAME_REPLY) {
                require(info.frame_length <= capacity && info.frame_length <= length + NDP_GAP);
                require(info.frame_length <= length || before[info.l2_length + 24u] == 0xff);
                require(memcmp(frame + 6, us.mac, 6) == 0 && memcmp(frame, us.mac, 6) != 0);
        } else {
                require(memcmp(frame, before, length) == 0);
        }
        if (verdict == FRAME_DNS)
                check_query(frame, capacity, &info, length, settings);
        free(frame);
        free(before);
        return 0;
}
