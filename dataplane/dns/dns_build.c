#include "dataplane/dns/dns_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/packet/checksum.h"
#include "lictor/bytes.h"

// The bytes one-byte fields can say of a ready answer.
#define READY_MAX UINT8_MAX

void dns_build_init(struct dns_build *build, enum dns_kind kind)
{
        memset(build, 0, offsetof(struct dns_build, small_records));
        build->records.data = build->small_records;
        build->records.capacity = sizeof(build->small_records);
        build->records.length = sizeof(build->head);
        build->blocks.data = build->small_blocks;
        build->blocks.capacity = sizeof(build->small_blocks);
        build->head.kind = (uint8_t)kind;
}

void dns_build_fini(struct dns_build *build)
{
        if (build->records.data != build->small_records)
                free(build->records.data);
        if (build->blocks.data != build->small_blocks)
                free(build->blocks.data);
        build->records.data = build->blocks.data = NULL;
}

// Room for more bytes at the end of a buffer that began as @small, or NULL after a failure.
static uint8_t *grow(struct dns_build *build, struct dns_buffer *buffer, const uint8_t *small,
                     size_t length)
{
        size_t needed = buffer->length + length;
        uint8_t *at;

        if (build->error < 0)
                return NULL;
        if (needed > buffer->capacity) {
                bool is_small = buffer->data == small;
                size_t capacity = 2 * needed;
                uint8_t *data = realloc(is_small ? NULL : buffer->data, capacity);

                if (data == NULL) {
                        build->error = -ENOMEM;
                        return NULL;
                }
                if (is_small)
                        memcpy(data, small, buffer->length);
                buffer->data = data;
                buffer->capacity = capacity;
        }
        at = buffer->data + buffer->length;
        buffer->length = needed;
        return at;
}

static uint8_t *grow_records(struct dns_build *build, size_t length)
{
        // Offsets of lists and of all their blocks stay below 2^31 with this.
        if (build->error == 0 && build->records.length + length > INT32_MAX / 2)
                build->error = -E2BIG;
        return grow(build, &build->records, build->small_records, length);
}

static void set_ready(struct dns_build *build, enum dns_ready ready, size_t at, size_t length,
                      size_t second)
{
        struct dns_payload *head = &build->head;

        if (at > READY_MAX || length > READY_MAX)
                return;
        head->ready_at[ready] = (uint8_t)at;
        head->ready_length[ready] = (uint8_t)length;
        head->ready_second[ready] = (uint8_t)second;
        head->ready_sum[ready] =
            checksum_fold(checksum_add_long(0, build->records.data + at, length));
}

void dns_build_ready(struct dns_build *build)
{
        const struct dns_lists *lists = &build->lists;
        const struct dns_block *block = (const struct dns_block *)(const void *)build->blocks.data;

        if (build->error < 0)
                return;
        if (lists->a_count == 1)
                set_ready(build, DNS_READY_A, lists->a_at, DNS_RECORD_A_LENGTH, 0);
        // A pair that an SRV question finds: its one address belongs to the target.
        if (lists->block_count == 1 && block->flags == 0 && block->glue_count == 1 &&
            block->node_length == 0 && block->target == DNS_SRV_TARGET)
                set_ready(build, DNS_READY_SRV, (size_t)block->wire_at,
                          block->record_length + (size_t)block->glue_length, block->record_length);
}

// What the payload takes: behind the records the lists, and behind both what copies may read.
static size_t lay_out(struct dns_build *build)
{
        struct dns_payload *head = &build->head;
        struct dns_lists *lists = &build->lists;
        struct dns_more_lists *more = &build->more;
        size_t end = (build->records.length + 3) & ~(size_t)3;
        size_t readable = build->records.length + DNS_PAYLOAD_SLACK;

        if (more->cname_count > 0 || more->any_a_count != lists->a_count ||
            more->any_aaaa_count != lists->aaaa_count ||
            (lists->a_count > 0 && more->any_a_at != lists->a_at) ||
            (lists->aaaa_count > 0 && more->any_aaaa_at != lists->aaaa_at))
                head->flags |= DNS_PAYLOAD_MORE;
        head->lists = (uint32_t)end;
        end += sizeof(*lists) + ((head->flags & DNS_PAYLOAD_MORE) != 0 ? sizeof(*more) : 0);
        lists->block_at = (uint32_t)end;
        more->cname_at = (uint32_t)(end + (size_t)lists->block_count * sizeof(struct dns_block));
        for (unsigned i = 0; i < DNS_READY_COUNT; i++)
                if (readable < head->ready_at[i] + (size_t)DNS_READY_COPY)
                        readable = head->ready_at[i] + (size_t)DNS_READY_COPY;
        end += build->blocks.length;
        return end > readable ? end : readable;
}

static void write_payload(struct dns_build *build, uint8_t *payload)
{
        const struct dns_lists *lists = &build->lists;
        uint8_t *at = payload + build->head.lists;
        size_t block_count = build->blocks.length / sizeof(struct dns_block);

        memcpy(payload, build->records.data, build->records.length);
        memcpy(payload, &build->head, sizeof(build->head));
        memcpy(at, lists, sizeof(*lists));
        if ((build->head.flags & DNS_PAYLOAD_MORE) != 0)
                memcpy(at + sizeof(*lists), &build->more, sizeof(build->more));
        at = payload + lists->block_at;
        memcpy(at, build->blocks.data, build->blocks.length);
        for (size_t i = 0; i < block_count; i++) {
                struct dns_block *block = (struct dns_block *)(void *)at + i;

                block->wire_at -= (int32_t)((uint8_t *)block - payload);
        }
}

int dns_build_publish(struct dns_build *build, struct svc_table *t, const struct dns_key *key)
{
        struct svc_key hashed = dns_key_hashed(key);
        struct svc_entry *entry;
        size_t length;
        uint8_t *payload;
        int ret;

        if (build->error < 0)
                return build->error;
        if (build->blocks.length > INT32_MAX / 2)
                return -E2BIG;
        length = lay_out(build);
        ret = svc_table_new_entry(t, &hashed, length, &entry);
        if (ret < 0)
                return ret;
        payload = (uint8_t *)entry + entry->payload_offset;
        memset(payload, 0, length);
        write_payload(build, payload);
        return svc_table_put(t, entry);
}

static void put_record_head(uint8_t *to, uint16_t type, uint32_t ttl_s, size_t data_length)
{
        store_be16(to, DNS_POINTER_QUESTION);
        store_be16(to + 2, type);
        store_be16(to + 4, DNS_CLASS_IN);
        store_be32(to + DNS_RECORD_TTL, ttl_s);
        store_be16(to + 10, (uint16_t)data_length);
}

uint32_t dns_build_addresses(struct dns_build *build, const struct lictor_address *addresses,
                             size_t count, uint32_t ttl_s)
{
        uint32_t offset = (uint32_t)build->records.length;

        for (size_t i = 0; i < count; i++) {
                bool ip4 = addresses[i].family == 4;
                size_t size = ip4 ? 4 : 16;
                uint8_t *to = grow_records(build, DNS_RECORD_DATA + size);

                if (to == NULL)
                        break;
                put_record_head(to, ip4 ? DNS_TYPE_A : DNS_TYPE_AAAA, ttl_s, size);
                memcpy(to + DNS_RECORD_DATA, addresses[i].bytes, size);
        }
        return offset;
}

void dns_build_block(struct dns_build *build, uint16_t type, uint32_t ttl_s)
{
        uint8_t *to;

        build->block = (struct dns_block){.wire_at = (int32_t)build->records.length};
        build->node_written = false;
        to = grow_records(build, DNS_RECORD_DATA);
        if (to != NULL)
                put_record_head(to, type, ttl_s, 0);
}

void dns_build_data(struct dns_build *build, const void *data, size_t length)
{
        uint8_t *to = grow_records(build, length);

        if (to != NULL)
                memcpy(to, data, length);
}

void dns_build_target(struct dns_build *build, const struct dns_name *name)
{
        build->block.target = (uint8_t)(build->records.length - (size_t)build->block.wire_at);
        dns_build_data(build, name->wire, name->length);
}

void dns_build_record_end(struct dns_build *build, const struct dns_name *node)
{
        struct dns_block *block = &build->block;

        if (build->error < 0)
                return;
        block->record_length = (uint16_t)(build->records.length - (size_t)block->wire_at);
        store_be16(build->records.data + block->wire_at + DNS_RECORD_DATA - 2,
                   (uint16_t)(block->record_length - DNS_RECORD_DATA));
        if (node == NULL)
                return;
        block->node_length = (uint8_t)node->length;
        dns_build_data(build, node->wire, node->length);
}

void dns_build_glue(struct dns_build *build, enum dns_glue_owner owner, uint16_t type,
                    uint32_t ttl_s)
{
        uint8_t *to;

        build->glue = build->records.length;
        to = grow_records(build, DNS_RECORD_DATA);
        if (to == NULL)
                return;
        if (type == DNS_TYPE_TXT)
                build->head.flags |= DNS_PAYLOAD_META_GLUE;
        put_record_head(to, type, ttl_s, 0);
        store_be16(to, (uint16_t)owner);
}

void dns_build_glue_end(struct dns_build *build)
{
        size_t length = build->records.length - build->glue;
        struct dns_block *block = &build->block;
        uint8_t *glue;

        if (build->error < 0)
                return;
        glue = build->records.data + build->glue;
        store_be16(glue + DNS_RECORD_DATA - 2, (uint16_t)(length - DNS_RECORD_DATA));
        block->glue_count++;
        block->glue_length += (uint32_t)length;
        // The first record of the node's name spells it out, the others point there.
        if (dns_glue_owner(glue) == DNS_GLUE_NODE && !build->node_written) {
                block->glue_length += block->node_length - 2u;
                build->node_written = true;
        }
}

void dns_build_block_end(struct dns_build *build, size_t group, uint8_t flags)
{
        uint8_t *to = grow(build, &build->blocks, build->small_blocks, sizeof(build->block));

        if (to == NULL)
                return;
        build->block.group = (uint32_t)group;
        build->block.flags = flags;
        memcpy(to, &build->block, sizeof(build->block));
}
