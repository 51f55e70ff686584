#include "dataplane/dns/dns_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lictor/bytes.h"

void dns_build_init(struct dns_build *build, enum dns_kind kind)
{
        memset(build, 0, offsetof(struct dns_build, small));
        build->data = build->small;
        build->capacity = sizeof(build->small);
        build->head.kind = (uint8_t)kind;
        build->length = sizeof(build->head);
}

void dns_build_fini(struct dns_build *build)
{
        if (build->data != build->small)
                free(build->data);
        build->data = NULL;
}

// Room for more bytes at the end, or NULL after a failure.
static uint8_t *grow(struct dns_build *build, size_t length)
{
        size_t needed = build->length + length;
        uint8_t *at;

        if (build->error < 0)
                return NULL;
        if (needed + DNS_PAYLOAD_SLACK > UINT32_MAX) {
                build->error = -E2BIG;
                return NULL;
        }
        if (needed > build->capacity) {
                bool small = build->data == build->small;
                size_t capacity = 2 * needed;
                uint8_t *data = realloc(small ? NULL : build->data, capacity);

                if (data == NULL) {
                        build->error = -ENOMEM;
                        return NULL;
                }
                if (small)
                        memcpy(data, build->small, build->length);
                build->data = data;
                build->capacity = capacity;
        }
        at = build->data + build->length;
        build->length = needed;
        return at;
}

static void align(struct dns_build *build)
{
        size_t padding = -build->length % sizeof(uint32_t);
        uint8_t *at = grow(build, padding);

        if (at != NULL)
                memset(at, 0, padding);
}

int dns_build_publish(struct dns_build *build, struct svc_table *t, const struct dns_key *key)
{
        struct svc_key hashed = dns_key_hashed(key);
        struct svc_entry *entry;
        uint8_t *payload;
        int ret;

        if (build->error < 0)
                return build->error;
        ret = svc_table_new_entry(t, &hashed, build->length + DNS_PAYLOAD_SLACK, &entry);
        if (ret < 0)
                return ret;
        payload = (uint8_t *)entry + entry->payload_offset;
        memcpy(payload, build->data, build->length);
        memcpy(payload, &build->head, sizeof(build->head));
        memset(payload + build->length, 0, DNS_PAYLOAD_SLACK);
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
        uint32_t offset = (uint32_t)build->length;

        for (size_t i = 0; i < count; i++) {
                bool ip4 = addresses[i].family == 4;
                size_t size = ip4 ? 4 : 16;
                uint8_t *to = grow(build, DNS_RECORD_DATA + size);

                if (to == NULL)
                        break;
                put_record_head(to, ip4 ? DNS_TYPE_A : DNS_TYPE_AAAA, ttl_s, size);
                memcpy(to + DNS_RECORD_DATA, addresses[i].bytes, size);
        }
        return offset;
}

uint32_t dns_build_index(struct dns_build *build, size_t count)
{
        uint32_t offset;

        align(build);
        offset = (uint32_t)build->length;
        if (count > UINT32_MAX / sizeof(uint32_t))
                build->error = -E2BIG;
        else
                grow(build, count * sizeof(uint32_t));
        return offset;
}

static struct dns_block *open_block(struct dns_build *build)
{
        return (struct dns_block *)(void *)(build->data + build->block);
}

void dns_build_block(struct dns_build *build, uint16_t type, uint32_t ttl_s)
{
        uint8_t *to;

        align(build);
        build->block = build->length;
        build->node_written = false;
        to = grow(build, sizeof(struct dns_block) + DNS_RECORD_DATA);
        if (to == NULL)
                return;
        memset(to, 0, sizeof(struct dns_block));
        put_record_head(to + sizeof(struct dns_block), type, ttl_s, 0);
}

void dns_build_data(struct dns_build *build, const void *data, size_t length)
{
        uint8_t *to = grow(build, length);

        if (to != NULL)
                memcpy(to, data, length);
}

void dns_build_target(struct dns_build *build, const struct dns_name *name)
{
        size_t at = build->length - build->block - sizeof(struct dns_block);

        dns_build_data(build, name->wire, name->length);
        if (build->error == 0)
                open_block(build)->target = (uint8_t)at;
}

void dns_build_record_end(struct dns_build *build, const struct dns_name *node)
{
        struct dns_block *block;

        if (build->error < 0)
                return;
        block = open_block(build);
        block->record_length = (uint16_t)(build->length - build->block - sizeof(struct dns_block));
        store_be16(block->wire + 10, (uint16_t)(block->record_length - DNS_RECORD_DATA));
        if (node == NULL)
                return;
        block->node_length = (uint8_t)node->length;
        dns_build_data(build, node->wire, node->length);
}

void dns_build_glue(struct dns_build *build, enum dns_glue_owner owner, uint16_t type,
                    uint32_t ttl_s)
{
        uint8_t *to;

        build->glue = build->length;
        to = grow(build, sizeof(struct dns_glue) + DNS_RECORD_DATA);
        if (to == NULL)
                return;
        to[offsetof(struct dns_glue, owner)] = (uint8_t)owner;
        if (type == DNS_TYPE_TXT)
                build->head.flags |= DNS_PAYLOAD_META_GLUE;
        put_record_head(to + sizeof(struct dns_glue), type, ttl_s, 0);
}

void dns_build_glue_end(struct dns_build *build)
{
        size_t length = build->length - build->glue - sizeof(struct dns_glue);
        struct dns_block *block;
        struct dns_glue *glue;

        if (build->error < 0)
                return;
        block = open_block(build);
        glue = (struct dns_glue *)(build->data + build->glue);
        store_be16(glue->length, (uint16_t)length);
        store_be16(glue->wire + 10, (uint16_t)(length - DNS_RECORD_DATA));
        block->glue_count++;
        block->glue_length += (uint32_t)length;
        // The first record of the node's name spells it out, the others point there.
        if (glue->owner == DNS_GLUE_NODE && !build->node_written) {
                block->glue_length += block->node_length - 2u;
                build->node_written = true;
        }
}

void dns_build_block_end(struct dns_build *build, uint32_t index, size_t i, size_t group,
                         uint8_t flags)
{
        uint32_t offset = (uint32_t)build->block;

        if (build->error < 0)
                return;
        open_block(build)->group = (uint32_t)group;
        open_block(build)->flags = flags;
        memcpy(build->data + index + i * sizeof(offset), &offset, sizeof(offset));
}
