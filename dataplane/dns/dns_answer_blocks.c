#include "dataplane/dns/dns_answer.h"

#include <string.h>

// A record is at least a two-byte owner and ten fixed bytes.
#define SMALLEST_RECORD DNS_RECORD_DATA

#define BLOCKS_MAX DNS_CHOICE_WINDOW

// The blocks drawn for one answer, and where their records went.
struct drawn {
        const struct dns_block *block;
        uint32_t at;
};

// The groups whose glue is written: a set by open addressing, twice as large as it gets full.
struct groups {
        bool shared;
        uint32_t mask;
        uint32_t slots[2 * BLOCKS_MAX]; // group + 1; 0 is free
};

static void groups_init(struct groups *groups, const struct dns_payload *payload, uint32_t count)
{
        uint32_t size = 2;

        groups->shared = (payload->flags & DNS_PAYLOAD_SHARED_GLUE) != 0;
        if (!groups->shared)
                return;
        while (size < 2 * count)
                size *= 2;
        groups->mask = size - 1;
        memset(groups->slots, 0, size * sizeof(groups->slots[0]));
}

// Whether this group is new. Adds it.
static bool groups_add(struct groups *groups, uint32_t group)
{
        uint32_t slot;

        if (!groups->shared)
                return true;
        for (slot = group & groups->mask; groups->slots[slot] != 0;
             slot = (slot + 1) & groups->mask)
                if (groups->slots[slot] == group + 1)
                        return false;
        groups->slots[slot] = group + 1;
        return true;
}

static const uint8_t *first_glue(const struct dns_block *block)
{
        return dns_block_wire(block) + block->record_length + block->node_length;
}

static uint32_t owner_length(const struct dns_block *block, enum dns_glue_owner owner)
{
        return owner == DNS_GLUE_NODE ? block->node_length
                                      : (uint32_t)block->record_length - block->target;
}

// How many of a block's glue records count: all, or without metadata its address, which is first.
static unsigned glue_count(const struct dns_block *block, bool lean)
{
        if (!lean || block->glue_count == 0)
                return block->glue_count;
        return load_be16(first_glue(block) + DNS_RECORD_TYPE) == DNS_TYPE_TXT ? 0 : 1;
}

// Upper bound of the room a block's glue needs when it ends before @end.
static uint32_t glue_size(const struct dns_reply *reply, const struct dns_block *block,
                          uint32_t end, bool lean)
{
        const unsigned count = glue_count(block, lean);
        const uint8_t *glue = first_glue(block);
        uint32_t size = 0;

        if (count == 0)
                return 0;
        if (!lean && !reply->full_owners && end + block->glue_length < DNS_POINTER_REACH)
                return block->glue_length;
        for (unsigned i = 0; i < count; i++) {
                uint32_t length = dns_glue_length(glue);

                size += length - 2 + owner_length(block, dns_glue_owner(glue));
                glue += length;
        }
        return size;
}

// Write what belongs beside a record, as far as it fits.
static void emit_glue(struct dns_reply *reply, const struct dns_block *block, uint32_t target_at,
                      bool lean)
{
        const unsigned count = glue_count(block, lean);
        const uint8_t *wire = dns_block_wire(block), *glue = first_glue(block);
        uint32_t node_at = UINT32_MAX;

        for (unsigned i = 0; i < count; i++, glue += dns_glue_length(glue)) {
                bool of_node = dns_glue_owner(glue) == DNS_GLUE_NODE;
                uint32_t length = dns_glue_length(glue);
                uint32_t owner_at = of_node ? node_at : target_at;
                bool pointer = !reply->full_owners && owner_at < DNS_POINTER_REACH;
                uint32_t owner = pointer ? 2 : owner_length(block, dns_glue_owner(glue));

                if (dns_reply_room(reply) < length - 2 + owner)
                        return;
                if (of_node && !pointer)
                        node_at = reply->at;
                if (pointer) {
                        uint32_t at = reply->at;

                        dns_reply_copy(reply, glue, length);
                        store_be16(reply->data + at, (uint16_t)(DNS_POINTER | owner_at));
                } else {
                        memcpy(reply->data + reply->at,
                               wire + (of_node ? block->record_length : block->target), owner);
                        memcpy(reply->data + reply->at + owner, glue + 2, length - 2);
                        reply->at += owner + length - 2;
                }
                reply->counts[DNS_ADDITIONAL]++;
        }
}

static uint32_t block_size(const struct dns_reply *reply, const struct dns_block *block,
                           enum dns_block_owner owner)
{
        if (owner == DNS_OWNER_QUESTION)
                return dns_reply_size(reply, block->record_length);
        return dns_reply_domain_owner_size(reply) + block->record_length - 2;
}

// Returns where the name inside the record now stands.
static uint32_t emit_block(struct dns_reply *reply, enum dns_section section,
                           enum dns_block_owner owner, const struct dns_block *block)
{
        uint32_t at;

        if (owner == DNS_OWNER_QUESTION)
                return dns_reply_emit(reply, section, dns_block_wire(block), block->record_length) +
                       block->target;
        at = reply->at + dns_reply_domain_owner(reply) - 2;
        memcpy(reply->data + at + 2, dns_block_wire(block) + 2, block->record_length - 2u);
        reply->at = at + block->record_length;
        reply->counts[section]++;
        return at + block->target;
}

static void emit_aside(struct dns_reply *reply, const struct dns_payload *payload,
                       const struct dns_block *block, uint32_t target_at, bool lean)
{
        if ((block->flags & DNS_BLOCK_ALIAS) != 0) {
                struct dns_alias alias =
                    dns_alias_begin(reply, payload, DNS_ADDITIONAL,
                                    load_be32(dns_block_wire(block) + DNS_RECORD_TTL));

                dns_alias_follow(reply, &alias, target_at);
        }
        if (block->glue_count > 0)
                emit_glue(reply, block, target_at, lean);
}

// Emit the records of drawn blocks while these and all their glue fit. Returns how many.
static uint32_t emit_drawn(struct dns_reply *reply, const struct dns_payload *payload,
                           enum dns_section section, enum dns_block_owner owner, uint32_t count,
                           const uint32_t picks[], bool lean, struct drawn drawn[])
{
        uint32_t aside = 0;
        struct groups groups;

        groups_init(&groups, payload, count);
        for (uint32_t i = 0; i < count; i++) {
                const struct dns_block *block = &dns_payload_blocks(payload)[picks[i]];
                uint32_t size = block_size(reply, block, owner);
                bool new_group = groups_add(&groups, block->group);
                uint32_t glue =
                    new_group ? glue_size(reply, block, reply->at + size + aside, lean) : 0;
                // The first goes without its glue rather than not at all.
                uint32_t needed = i == 0 ? size : size + aside + glue;

                if (dns_reply_room(reply) < needed)
                        return i;
                drawn[i].at = emit_block(reply, section, owner, block);
                drawn[i].block = new_group ? block : NULL;
                aside += glue;
        }
        return count;
}

static uint32_t reply_many(struct dns_reply *reply, const struct dns_payload *payload,
                           enum dns_section section, enum dns_block_owner owner, uint32_t count)
{
        const uint32_t at = reply->at, domain_at = reply->domain_at;
        const uint16_t before = reply->counts[section];
        struct drawn drawn[BLOCKS_MAX];
        uint32_t picks[BLOCKS_MAX];
        uint32_t emitted;
        bool lean = false;

        dns_choose(reply->env->random, dns_payload_lists(payload)->block_count, count, picks);
        emitted = emit_drawn(reply, payload, section, owner, count, picks, lean, drawn);
        // Records that answer come before metadata that only accompanies them.
        if (emitted < count && (payload->flags & DNS_PAYLOAD_META_GLUE) != 0) {
                lean = true;
                reply->at = at;
                reply->domain_at = domain_at;
                reply->counts[section] = before;
                emitted = emit_drawn(reply, payload, section, owner, count, picks, lean, drawn);
        }
        for (uint32_t i = 0; i < emitted; i++)
                if (drawn[i].block != NULL)
                        emit_aside(reply, payload, drawn[i].block, drawn[i].at, lean);
        return emitted;
}

// Nearly every SRV answer that is not ready: one record, and one address its target owns.
static inline bool is_plain_pair(const struct dns_reply *reply, const struct dns_block *block)
{
        return !reply->full_owners && block->glue_count == 1 && block->node_length == 0 &&
               dns_reply_room(reply) >= block->record_length + block->glue_length &&
               reply->at < DNS_POINTER_REACH - DNS_NAME_MAX;
}

static inline void emit_plain_pair(struct dns_reply *reply, enum dns_section section,
                                   const struct dns_block *block)
{
        uint32_t target_at = reply->at + block->target;
        uint8_t *glue = reply->data + reply->at + block->record_length;

        dns_reply_copy(reply, dns_block_wire(block), block->record_length + block->glue_length);
        store_be16(glue, (uint16_t)(DNS_POINTER | target_at));
        reply->counts[section]++;
        reply->counts[DNS_ADDITIONAL]++;
}

static inline uint32_t reply_one(struct dns_reply *reply, const struct dns_payload *payload,
                                 enum dns_section section, enum dns_block_owner owner)
{
        const struct dns_block *block = dns_payload_blocks(payload);

        if (owner == DNS_OWNER_QUESTION && is_plain_pair(reply, block)) {
                emit_plain_pair(reply, section, block);
                return 1;
        }
        if (dns_reply_room(reply) < block_size(reply, block, owner))
                return 0;
        emit_aside(reply, payload, block, emit_block(reply, section, owner, block), false);
        return 1;
}

void dns_reply_blocks(struct dns_reply *reply, const struct dns_payload *payload,
                      enum dns_section section, enum dns_block_owner owner, uint32_t max)
{
        const uint32_t total = dns_payload_lists(payload)->block_count;
        uint32_t wanted = total < max ? total : max;
        uint32_t count = wanted, fitting, emitted;

        if (section == DNS_ANSWER && count > reply->answer_max - reply->counts[DNS_ANSWER])
                count = reply->answer_max - reply->counts[DNS_ANSWER];
        if (count == 1 && total == 1) {
                emitted = reply_one(reply, payload, section, owner);
        } else {
                fitting = dns_reply_room(reply) / dns_reply_size(reply, SMALLEST_RECORD);
                if (count > fitting)
                        count = fitting;
                if (count > BLOCKS_MAX)
                        count = BLOCKS_MAX;
                emitted = count == 0 ? 0 : reply_many(reply, payload, section, owner, count);
        }
        if (section == DNS_ANSWER && emitted < wanted)
                reply->truncated = true;
}
