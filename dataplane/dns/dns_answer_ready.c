#include <string.h>

#include "dataplane/dns/dns_answer.h"
#include "dataplane/packet/checksum.h"

// What a 16-bit sum counts from an offset on: from an odd one its bytes change places, which is
// multiplying by 2^8 where 2^16 is one.
static uint64_t sum_from(uint64_t sum, uint32_t offset)
{
        return sum << (offset & 1) * 8;
}

// No branch tells one record from two: which is asked for next cannot be predicted, and a branch
// mispredicted costs more than copying too much. But a single record is copied again and again, for
// what lies behind it in the entry has not been fetched.
static void copy_records(uint8_t *to, const uint8_t *from, uint32_t length)
{
        const uint32_t step = length > DNS_RECORD_A_LENGTH ? 16 : 0;

        memcpy(to, from, 16);
        memcpy(to + 16, from + step, 16);
        memcpy(to + 32, from + (size_t)2 * step, 16);
        memcpy(to + 48, from + (size_t)3 * step, 16);
        for (uint32_t i = DNS_READY_COPY; i < length; i += 16)
                memcpy(to + i, from + i, 16);
}

bool dns_answer_ready(const struct dns_env *env, struct dns_message *message,
                      const struct dns_query *query, const struct dns_payload *payload)
{
        const struct dns_zone *zone = env->zone;
        const uint32_t end = query->end, length = payload->ready_length[query->ready];
        const uint32_t second = payload->ready_second[query->ready];
        const uint16_t two = second != 0;
        uint8_t *data = message->data;
        uint16_t asked_flags, flags, owner;
        uint64_t sum;

        // Less room leaves out records, or needs copies that keep to their length.
        if (length == 0 || env->transport != DNS_UDP || !zone->ready_answers ||
            end + length > DNS_UDP_PLAIN_MAX || end + length + DNS_READY_COPY > message->capacity)
                return false;
        copy_records(data + end, dns_payload_at(payload, payload->ready_at[query->ready]), length);
        // Of a single record this writes anew what stands there, and counts nothing.
        owner = (uint16_t)(DNS_POINTER_QUESTION + two * (end + DNS_SRV_TARGET - DNS_HEADER_LENGTH));
        store_be16(data + end + second, owner);

        asked_flags = load_be16(data + 2);
        flags = (uint16_t)((asked_flags & (DNS_FLAG_RD | DNS_FLAG_CD)) | zone->answer_flags |
                           DNS_FLAG_AA);
        store_be16(data + 2, flags);
        store_be32(data + 4, 1u << 16 | 1u);
        store_be32(data + 8, two);

        sum = sum_from(checksum_word((uint16_t)(owner * two)), second);
        sum = sum_from(payload->ready_sum[query->ready] + sum, end);
        sum += (uint64_t)(uint16_t)~checksum_word(asked_flags) + checksum_word(flags) +
               checksum_word((uint16_t)(1 + two));
        message->sum_change = checksum_fold(sum);
        message->length = (uint16_t)(end + length);
        message->rcode = DNS_NOERROR;
        message->verdict = DNS_ANSWERED;
        return true;
}
