#include "control/dns/message.h"

#include <limits.h>
#include <string.h>

#include "dataplane/dns/dns_query.h"
#include "lictor/bytes.h"

#define FIXED      10u // type, class, TTL and length of the data
#define NAMES_MAX  32u // places remembered for compression
#define TYPE_MX    15u
#define SECTIONS   3u
#define ADDITIONAL 2u

// As many records beside an alias does Consul put into an answer without EDNS.
#define PLAIN_TAKING_MAX 5u

// One record of a message, its parts by where they stand.
struct record {
        uint8_t owner[DNS_NAME_MAX];
        size_t owner_len;
        uint16_t type;
        size_t fixed; // offset of the type
        size_t data;
        size_t data_len;
};

struct output {
        uint8_t *bytes;
        size_t len;
        size_t limit;
        bool compress;
        uint16_t names[NAMES_MAX]; // where names stand that later ones may point to
        unsigned name_count;
};

// Read a name, following pointers backwards only. Returns its length, 0 when it is broken.
static size_t read_name(const uint8_t *message, size_t len, size_t *at, uint8_t out[DNS_NAME_MAX])
{
        size_t from = *at, bound = from, used = 0;
        bool jumped = false;

        while (from < len) {
                uint8_t label = message[from];

                if (label >= 0xC0) {
                        size_t target;

                        if (from + 1 >= len)
                                return 0;
                        target = load_be16(message + from) & 0x3FFFu;
                        if (target >= bound)
                                return 0;
                        if (!jumped)
                                *at = from + 2;
                        jumped = true;
                        from = bound = target;
                        continue;
                }
                if (label > DNS_LABEL_MAX || used + label + 1u > DNS_NAME_MAX ||
                    from + label + 1u > len)
                        return 0;
                memcpy(out + used, message + from, label + 1u);
                used += label + 1u;
                from += label + 1u;
                if (label == 0) {
                        if (!jumped)
                                *at = from;
                        return used;
                }
        }
        return 0;
}

static bool read_record(const uint8_t *message, size_t len, size_t *at, struct record *out)
{
        out->owner_len = read_name(message, len, at, out->owner);
        if (out->owner_len == 0 || len - *at < FIXED)
                return false;
        out->fixed = *at;
        out->type = load_be16(message + *at);
        out->data = *at + FIXED;
        out->data_len = load_be16(message + *at + 8);
        if (len - out->data < out->data_len)
                return false;
        *at = out->data + out->data_len;
        return true;
}

// Behind the question of a message with exactly one.
static size_t records_at(const uint8_t *message, size_t len)
{
        uint8_t name[DNS_NAME_MAX];
        size_t at = DNS_HEADER_LENGTH;

        if (len < DNS_HEADER_LENGTH || load_be16(message + 4) != 1 ||
            read_name(message, len, &at, name) == 0 || len - at < 4)
                return 0;
        return at + 4;
}

static bool same_name(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
        if (a_len != b_len)
                return false;
        for (size_t i = 0; i < a_len; i++) {
                uint8_t x = a[i], y = b[i];

                x = x >= 'A' && x <= 'Z' ? (uint8_t)(x + 32) : x;
                y = y >= 'A' && y <= 'Z' ? (uint8_t)(y + 32) : y;
                if (x != y)
                        return false;
        }
        return true;
}

static unsigned record_count(const uint8_t *message)
{
        return (unsigned)load_be16(message + 6) + load_be16(message + 8) + load_be16(message + 10);
}

unsigned dns_message_udp_size(const uint8_t *message, size_t len)
{
        size_t at = records_at(message, len);
        unsigned count = at > 0 ? record_count(message) : 0;
        struct record record;

        for (unsigned i = 0; i < count && read_record(message, len, &at, &record); i++) {
                if (record.type == DNS_TYPE_OPT)
                        return load_be16(message + record.fixed + 2);
        }
        return 0;
}

static bool has_address_of(const uint8_t *message, size_t len, const struct dns_message_host *host)
{
        size_t at = records_at(message, len);
        unsigned count = record_count(message);
        struct record record;

        for (unsigned i = 0; i < count && read_record(message, len, &at, &record); i++) {
                if ((record.type == DNS_TYPE_A || record.type == DNS_TYPE_AAAA ||
                     record.type == DNS_TYPE_CNAME) &&
                    same_name(record.owner, record.owner_len, host->name, host->length))
                        return true;
        }
        return false;
}

static bool is_open(const struct dns_zone *zone, const uint8_t *message, size_t len,
                    const struct dns_message_host hosts[], unsigned count)
{
        const struct dns_message_host *host = &hosts[count];
        struct dns_query query;
        // Eight readable bytes before the name.
        uint8_t text[8 + sizeof(host->name)] = {0};

        for (unsigned i = 0; i < count; i++) {
                if (same_name(hosts[i].name, hosts[i].length, host->name, host->length))
                        return false;
        }
        memcpy(text + 8, host->name, host->length);
        return !dns_parse_target(zone, text + 8, host->length, &query) &&
               !has_address_of(message, len, host);
}

unsigned dns_message_open_hosts(const struct dns_zone *zone, const uint8_t *answer, size_t len,
                                struct dns_message_host hosts[DNS_MESSAGE_HOSTS_MAX])
{
        size_t at = records_at(answer, len), name_at;
        unsigned records = at > 0 ? load_be16(answer + 6) : 0, count = 0;
        struct record record;

        for (unsigned i = 0; i < records && count < DNS_MESSAGE_HOSTS_MAX; i++) {
                struct dns_message_host *host = &hosts[count];
                uint8_t name[DNS_NAME_MAX];

                if (!read_record(answer, len, &at, &record))
                        break;
                if (record.type != DNS_TYPE_CNAME && record.type != DNS_TYPE_SRV)
                        continue;
                name_at = record.data + (record.type == DNS_TYPE_SRV ? 6u : 0u);
                if (name_at >= at)
                        continue;
                memset(host, 0, sizeof(*host));
                host->length = (uint8_t)read_name(answer, len, &name_at, name);
                memcpy(host->name, name, host->length);
                host->is_target = record.type == DNS_TYPE_SRV;
                // The root says that there is no such service (RFC 2782).
                if (host->length > 1 && is_open(zone, answer, len, hosts, count))
                        count++;
        }
        return count;
}

size_t dns_message_ask(const struct dns_message_host *host, uint8_t out[300])
{
        static const uint8_t header[DNS_HEADER_LENGTH] = {0, 0, DNS_FLAG_RD >> 8, 0, 0, 1};

        memcpy(out, header, sizeof(header));
        memcpy(out + sizeof(header), host->name, host->length);
        store_be16(out + sizeof(header) + host->length, DNS_TYPE_A);
        store_be16(out + sizeof(header) + host->length + 2, DNS_CLASS_IN);
        return sizeof(header) + host->length + 4u;
}

// Whether a whole name is one of a node.
static bool is_node_name(const struct dns_zone *zone, const uint8_t *name, size_t name_len)
{
        // Eight readable bytes before the name and behind it.
        uint8_t text[8 + DNS_NAME_MAX + 8] = {0};
        struct dns_query query;

        memcpy(text + 8, name, name_len);
        return dns_parse_target(zone, text + 8, name_len, &query) && query.action == DNS_LOOK_UP &&
               query.kind == DNS_KIND_NODE;
}

void dns_message_taking_init(const struct dns_zone *zone, const uint8_t *answer, size_t len,
                             struct dns_message_taking *out)
{
        uint8_t name[DNS_NAME_MAX];
        size_t at = records_at(answer, len), question = DNS_HEADER_LENGTH, name_len;
        struct record record;

        *out = (struct dns_message_taking){.max = UINT_MAX};
        if (at == 0)
                return;
        name_len = read_name(answer, len, &question, name);
        // A node's alias leads to records as they are. Those of a service live as long as its own,
        // and are few without EDNS.
        if (is_node_name(zone, name, name_len) || !read_record(answer, len, &at, &record))
                return;
        out->set_ttl = true;
        out->ttl_s = load_be32(answer + record.fixed + 4);
        if (dns_message_udp_size(answer, len) == 0)
                out->max = PLAIN_TAKING_MAX;
}

void dns_message_gather(const uint8_t *answer, size_t len, const struct dns_message_taking *taking,
                        struct dns_message_added *added)
{
        size_t at = records_at(answer, len), name_at;
        unsigned records = at > 0 ? load_be16(answer + 6) : 0, taken = 0;
        struct record record;

        for (unsigned i = 0;
             i < records && taken < taking->max && added->count < ARRAY_LEN(added->offsets); i++) {
                uint8_t name[DNS_NAME_MAX];
                const uint8_t *data;
                uint8_t *to = added->records + added->len;

                if (!read_record(answer, len, &at, &record))
                        return;
                data = answer + record.data;
                name_at = record.data;
                if (record.type == DNS_TYPE_CNAME) {
                        record.data_len = read_name(answer, len, &name_at, name);
                        data = name;
                }
                if ((record.type != DNS_TYPE_A || record.data_len != 4) &&
                    (record.type != DNS_TYPE_AAAA || record.data_len != 16) &&
                    (record.type != DNS_TYPE_CNAME || record.data_len == 0))
                        continue;
                if (record.owner_len + FIXED + record.data_len >
                    sizeof(added->records) - added->len)
                        return;
                memcpy(to, record.owner, record.owner_len);
                memcpy(to + record.owner_len, answer + record.fixed, FIXED);
                if (taking->set_ttl)
                        store_be32(to + record.owner_len + 4, taking->ttl_s);
                store_be16(to + record.owner_len + 8, (uint16_t)record.data_len);
                memcpy(to + record.owner_len + FIXED, data, record.data_len);
                added->offsets[added->count] = (uint16_t)added->len;
                added->beside[added->count++] = taking->beside;
                taken++;
                added->len += record.owner_len + FIXED + record.data_len;
        }
}

static bool put(struct output *out, const uint8_t *bytes, size_t len)
{
        if (out->limit - out->len < len)
                return false;
        memcpy(out->bytes + out->len, bytes, len);
        out->len += len;
        return true;
}

// A whole name, or a pointer to where it stands already.
static bool put_name(struct output *out, const uint8_t *name, size_t len, bool may_point)
{
        uint8_t earlier[DNS_NAME_MAX], pointer[2];
        size_t start = out->len;

        for (unsigned i = 0; out->compress && may_point && len > 1 && i < out->name_count; i++) {
                size_t at = out->names[i];

                if (read_name(out->bytes, out->len, &at, earlier) == len &&
                    memcmp(earlier, name, len) == 0) {
                        store_be16(pointer, (uint16_t)(DNS_POINTER | out->names[i]));
                        return put(out, pointer, sizeof(pointer));
                }
        }
        if (!put(out, name, len))
                return false;
        if (out->name_count < NAMES_MAX && start < DNS_POINTER_REACH)
                out->names[out->name_count++] = (uint16_t)start;
        return true;
}

// Where names stand in a record's data: so many bytes before the first, so many names.
static unsigned data_names(uint16_t type, size_t *before)
{
        *before = type == DNS_TYPE_SRV ? 6 : type == TYPE_MX ? 2 : 0;
        switch (type) {
        case DNS_TYPE_CNAME:
        case DNS_TYPE_NS:
        case DNS_TYPE_PTR:
        case DNS_TYPE_SRV:
        case TYPE_MX:
                return 1;
        case DNS_TYPE_SOA:
                return 2;
        default:
                return 0;
        }
}

static bool put_data(struct output *out, const uint8_t *message, size_t len,
                     const struct record *record)
{
        size_t at, before;
        unsigned names = data_names(record->type, &before);
        size_t end = record->data + record->data_len;

        if (before > record->data_len || !put(out, message + record->data, before))
                return false;
        at = record->data + before;
        for (unsigned i = 0; i < names; i++) {
                uint8_t name[DNS_NAME_MAX];
                size_t name_len = read_name(message, len, &at, name);

                // RFC 2782 forbids a pointer as the target.
                if (name_len == 0 || at > end ||
                    !put_name(out, name, name_len, record->type != DNS_TYPE_SRV))
                        return false;
        }
        return put(out, message + at, end - at);
}

// Copies a record, or leaves the output as it was.
static bool put_record(struct output *out, const uint8_t *message, size_t len,
                       const struct record *record)
{
        const struct output before = *out;
        size_t data_at;

        if (put_name(out, record->owner, record->owner_len, true) &&
            put(out, message + record->fixed, FIXED)) {
                data_at = out->len;
                if (put_data(out, message, len, record)) {
                        store_be16(out->bytes + data_at - 2, (uint16_t)(out->len - data_at));
                        return true;
                }
        }
        out->len = before.len;
        out->name_count = before.name_count;
        return false;
}

static unsigned put_added(struct output *out, const struct dns_message_added *added, bool beside,
                          unsigned max)
{
        unsigned written = 0;

        for (unsigned i = 0; i < added->count && written < max; i++) {
                size_t at = added->offsets[i];
                struct record record;

                if (added->beside[i] == beside &&
                    read_record(added->records, added->len, &at, &record) &&
                    put_record(out, added->records, added->len, &record))
                        written++;
        }
        return written;
}

size_t dns_message_add(const uint8_t *answer, size_t len, const struct dns_message_added *added,
                       const struct dns_message_limits *limits, uint8_t *bytes)
{
        struct output out = {
            .bytes = bytes, .limit = limits->size, .compress = limits->compress, .name_count = 1};
        size_t at = records_at(answer, len), edns = 0;
        uint16_t counts[SECTIONS] = {0};
        const uint8_t *edns_record = NULL;
        struct record record;

        if (at == 0 || at > out.limit)
                return 0;
        out.names[0] = DNS_HEADER_LENGTH;
        put(&out, answer, at);
        for (unsigned section = 0; section < SECTIONS; section++) {
                unsigned records = load_be16(answer + 6 + (size_t)2 * section);
                unsigned max = section == 0 ? limits->answer_max : UINT16_MAX;

                for (unsigned i = 0; i < records; i++) {
                        size_t start = at;

                        if (!read_record(answer, len, &at, &record))
                                return 0;
                        if (record.type == DNS_TYPE_OPT && edns == 0) {
                                // Last, and in any case.
                                edns_record = answer + start;
                                edns = at - start;
                                if (out.limit - out.len < edns)
                                        return 0;
                                out.limit -= edns;
                        } else if (put_record(&out, answer, len, &record)) {
                                counts[section]++;
                        }
                }
                if (section != 1 && counts[section] < max)
                        counts[section] = (uint16_t)(counts[section] +
                                                     put_added(&out, added, section == ADDITIONAL,
                                                               max - counts[section]));
        }
        out.limit += edns;
        if (edns > 0 && put(&out, edns_record, edns))
                counts[ADDITIONAL]++;
        for (unsigned section = 0; section < SECTIONS; section++)
                store_be16(bytes + 6 + (size_t)2 * section, counts[section]);
        return out.len;
}
