#include "raft/transport/codec.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define BODY_FIXED    4u                    // version, type, flags, 0
#define MESSAGE_FIXED (BODY_FIXED + 9 * 8u) // and its numbers
#define ENTRY_FIXED   13u
#define HELLO_FIXED   (BODY_FIXED + 3 * 8u + 1u)

enum { FLAG_GRANTED = 1, FLAG_REFUSED = 2, FLAG_TRANSFER = 4, FLAG_LAST = 8, FLAGS_ALL = 15 };

// Reading past the end gives zeros and is remembered.
struct reader {
        const uint8_t *at;
        size_t left;
        bool short_of;
};

static uint64_t get(struct reader *r, unsigned bytes)
{
        uint64_t value = 0;

        if (r->left < bytes) {
                r->short_of = true;
                return 0;
        }
        for (unsigned i = 0; i < bytes; i++)
                value = value << 8 | r->at[i];
        r->at += bytes;
        r->left -= bytes;
        return value;
}

static const uint8_t *get_bytes(struct reader *r, size_t length)
{
        const uint8_t *bytes = r->at;

        if (r->left < length) {
                r->short_of = true;
                return NULL;
        }
        r->at += length;
        r->left -= length;
        return bytes;
}

static uint8_t *put(uint8_t *at, uint64_t value, unsigned bytes)
{
        for (unsigned i = bytes; i > 0; i--)
                *at++ = (uint8_t)(value >> (8 * (i - 1)));
        return at;
}

void codec_entries_clear(struct codec_entries *entries)
{
        for (size_t i = 0; i < entries->count; i++)
                raft_buffer_unref(entries->items[i].data);
        entries->count = 0;
}

void codec_entries_fini(struct codec_entries *entries)
{
        codec_entries_clear(entries);
        free(entries->items);
        memset(entries, 0, sizeof(*entries));
}

static size_t entry_length(const struct raft_entry *entry)
{
        return ENTRY_FIXED + (entry->data != NULL ? entry->data->length : 0);
}

size_t codec_message_length(const struct raft_message *message)
{
        size_t length = CODEC_HEADER + MESSAGE_FIXED;

        if (message->type == RAFT_APPEND_REQUEST) {
                length += 4;
                for (unsigned i = 0; i < message->entry_count && length <= CODEC_FRAME_MAX; i++)
                        length += entry_length(&message->entries[i]);
        } else if (message->type == RAFT_SNAPSHOT_REQUEST) {
                length += 4 + (size_t)message->length;
        }
        return length <= CODEC_FRAME_MAX ? length : 0;
}

size_t codec_hello_length(const struct codec_hello *hello)
{
        return CODEC_HEADER + HELLO_FIXED + strlen(hello->address);
}

static void finish_frame(uint8_t *frame, const uint8_t *end)
{
        size_t length = (size_t)(end - frame) - CODEC_HEADER;

        put(frame, length, 4);
        put(frame + 4, XXH3_64bits(frame + CODEC_HEADER, length), 8);
}

static uint8_t *encode_entries(const struct raft_message *message, uint8_t *at)
{
        at = put(at, message->entry_count, 4);
        for (unsigned i = 0; i < message->entry_count; i++) {
                const struct raft_entry *entry = &message->entries[i];
                uint32_t length = entry->data != NULL ? entry->data->length : 0;

                at = put(at, entry->term, 8);
                at = put(at, (uint64_t)entry->type, 1);
                at = put(at, length, 4);
                if (length > 0)
                        memcpy(at, entry->data->bytes, length);
                at += length;
        }
        return at;
}

void codec_encode_message(const struct raft_message *message, uint8_t *out)
{
        const uint64_t numbers[] = {
            message->from,         message->to,       message->term,
            message->log_index,    message->log_term, message->refused_index,
            message->commit_index, message->round,    message->offset};
        uint8_t *at = out + CODEC_HEADER;
        unsigned flags = 0;

        flags |= message->granted ? FLAG_GRANTED : 0u;
        flags |= message->refused ? FLAG_REFUSED : 0u;
        flags |= message->transfer ? FLAG_TRANSFER : 0u;
        flags |= message->last ? FLAG_LAST : 0u;
        at = put(at, CODEC_VERSION, 1);
        at = put(at, (uint64_t)message->type, 1);
        at = put(at, flags, 1);
        at = put(at, 0, 1);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                at = put(at, numbers[i], 8);
        if (message->type == RAFT_APPEND_REQUEST) {
                at = encode_entries(message, at);
        } else if (message->type == RAFT_SNAPSHOT_REQUEST) {
                at = put(at, message->length, 4);
                if (message->length > 0)
                        memcpy(at, message->bytes, message->length);
                at += message->length;
        }
        finish_frame(out, at);
}

void codec_encode_hello(const struct codec_hello *hello, uint8_t *out)
{
        size_t length = strlen(hello->address);
        uint8_t *at = out + CODEC_HEADER;

        at = put(at, CODEC_VERSION, 1);
        at = put(at, CODEC_TYPE_HELLO, 1);
        at = put(at, (uint64_t)hello->channel, 1);
        at = put(at, 0, 1);
        at = put(at, hello->cluster_id, 8);
        at = put(at, hello->from, 8);
        at = put(at, hello->to, 8);
        at = put(at, length, 1);
        memcpy(at, hello->address, length);
        finish_frame(out, at + length);
}

int codec_frame_length(const uint8_t *bytes, size_t length, size_t *total)
{
        struct reader r = {.at = bytes, .left = length};
        uint64_t body;

        *total = 0;
        if (length < CODEC_HEADER)
                return 0;
        body = get(&r, 4);
        if (body < BODY_FIXED || body > CODEC_FRAME_MAX - CODEC_HEADER)
                return -EMSGSIZE;
        *total = CODEC_HEADER + (size_t)body;
        return 0;
}

// The checksum and the first four bytes; leaves the reader behind them.
static int open_frame(const uint8_t *frame, size_t length, struct reader *r, uint8_t *type,
                      uint8_t *flags)
{
        size_t total;
        uint64_t sum;

        if (codec_frame_length(frame, length, &total) != 0 || total == 0 || total != length)
                return -EBADMSG;
        *r = (struct reader){.at = frame + 4, .left = length - 4};
        sum = get(r, 8);
        if (XXH3_64bits(r->at, r->left) != sum)
                return -EBADMSG;
        if (get(r, 1) != CODEC_VERSION)
                return -EPROTONOSUPPORT;
        *type = (uint8_t)get(r, 1);
        *flags = (uint8_t)get(r, 1);
        return get(r, 1) == 0 ? 0 : -EBADMSG;
}

static int reserve(struct codec_entries *entries, size_t count)
{
        struct raft_entry *items;

        if (count <= entries->capacity)
                return 0;
        items = realloc(entries->items, count * sizeof(*items));
        if (items == NULL)
                return -ENOMEM;
        entries->items = items;
        entries->capacity = count;
        return 0;
}

static int decode_entry(struct reader *r, struct raft_entry *out)
{
        uint64_t type, length;
        const uint8_t *bytes;

        memset(out, 0, sizeof(*out));
        out->term = get(r, 8);
        type = get(r, 1);
        length = get(r, 4);
        bytes = get_bytes(r, length);
        if (r->short_of || type > RAFT_ENTRY_CONFIGURATION ||
            (type == RAFT_ENTRY_NOOP && length > 0))
                return -EBADMSG;
        out->type = (enum raft_entry_type)type;
        if (type == RAFT_ENTRY_NOOP)
                return 0;
        out->data = raft_buffer_create(bytes, length);
        return out->data != NULL ? 0 : -ENOMEM;
}

static int decode_entries(struct reader *r, struct codec_entries *entries, struct raft_message *out)
{
        uint64_t count = get(r, 4);
        int ret;

        if (r->short_of || count > r->left / ENTRY_FIXED)
                return -EBADMSG;
        ret = reserve(entries, count);
        for (uint64_t i = 0; i < count && ret == 0; i++) {
                struct raft_entry *entry = &entries->items[i];

                ret = decode_entry(r, entry);
                if (ret != 0)
                        break;
                entry->index = out->log_index + 1 + i;
                entries->count++;
        }
        if (ret != 0)
                return ret;
        out->entries = count > 0 ? entries->items : NULL;
        out->entry_count = (unsigned)count;
        return 0;
}

static int decode_chunk(struct reader *r, struct raft_message *out)
{
        out->length = (uint32_t)get(r, 4);
        out->bytes = get_bytes(r, out->length);
        return r->short_of ? -EBADMSG : 0;
}

int codec_decode_message(const uint8_t *frame, size_t length, struct codec_entries *entries,
                         struct raft_message *out)
{
        uint64_t *numbers[] = {&out->from,         &out->to,       &out->term,
                               &out->log_index,    &out->log_term, &out->refused_index,
                               &out->commit_index, &out->round,    &out->offset};
        struct reader r;
        uint8_t type, flags;
        int ret = open_frame(frame, length, &r, &type, &flags);

        codec_entries_clear(entries);
        if (ret != 0)
                return ret;
        if (type >= RAFT_MESSAGE_TYPE_COUNT || flags > FLAGS_ALL)
                return -EBADMSG;
        memset(out, 0, sizeof(*out));
        out->type = (enum raft_message_type)type;
        out->granted = flags & FLAG_GRANTED;
        out->refused = flags & FLAG_REFUSED;
        out->transfer = flags & FLAG_TRANSFER;
        out->last = flags & FLAG_LAST;
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                *numbers[i] = get(&r, 8);
        // Indices count entries: none comes near the end of their range.
        if (r.short_of || out->log_index > INT64_MAX)
                return -EBADMSG;
        if (type == RAFT_APPEND_REQUEST)
                ret = decode_entries(&r, entries, out);
        else if (type == RAFT_SNAPSHOT_REQUEST)
                ret = decode_chunk(&r, out);
        if (ret == 0 && r.left != 0)
                ret = -EBADMSG;
        if (ret != 0)
                codec_entries_clear(entries);
        return ret;
}

int codec_decode_hello(const uint8_t *frame, size_t length, struct codec_hello *out)
{
        struct reader r;
        uint8_t type, channel;
        const uint8_t *address;
        size_t address_length;
        int ret = open_frame(frame, length, &r, &type, &channel);

        if (ret != 0)
                return ret;
        memset(out, 0, sizeof(*out));
        if (type != CODEC_TYPE_HELLO || channel >= CODEC_CHANNEL_COUNT)
                return -EBADMSG;
        out->channel = (enum codec_channel)channel;
        out->cluster_id = get(&r, 8);
        out->from = get(&r, 8);
        out->to = get(&r, 8);
        address_length = (size_t)get(&r, 1);
        address = get_bytes(&r, address_length);
        if (r.short_of || r.left != 0 || out->from == RAFT_NO_SERVER ||
            address_length >= sizeof(out->address) || memchr(address, 0, address_length) != NULL)
                return -EBADMSG;
        memcpy(out->address, address, address_length);
        return 0;
}
