#include "dataplane/dns/dns_query.h"

#include <string.h>

struct labels {
        unsigned count;
        uint8_t at[DNS_LABELS_MAX + 1]; // where each starts, inside the name
};

enum word {
        WORD_NONE,
        WORD_SERVICE,
        WORD_QUERY,
        WORD_NODE,
        WORD_ADDR,
        WORD_ABSENT // kinds Consul knows and we never have: connect, ingress
};

// Find the labels of a name that ends before @max. Returns its length, or 0 when it is broken.
static inline unsigned split_labels(const uint8_t *name, unsigned max, struct labels *labels)
{
        unsigned at = 0, count = 0;

        for (;;) {
                unsigned length;

                if (at >= max)
                        return 0;
                length = name[at];
                if (length == 0)
                        break;
                if (length > DNS_LABEL_MAX)
                        return 0;
                labels->at[count++] = (uint8_t)at;
                at += length + 1;
        }
        labels->count = count;
        labels->at[count] = (uint8_t)at;
        return at + 1;
}

// A label of up to seven bytes, its length byte included, is one integer.
static inline uint64_t word_of(const char *label, unsigned length)
{
        uint64_t word = 0;

        memcpy(&word, label, length);
        return word;
}

static inline uint64_t first_bytes(uint64_t word, unsigned length)
{
        uint64_t mask = 0;

        memset(&mask, 0xff, length);
        return word & mask;
}

static inline enum word kind_word(const uint8_t *label)
{
        uint64_t word = load_u64(label);

        if (word == word_of("\7service", 8))
                return WORD_SERVICE;
        if (first_bytes(word, 5) == word_of("\4node", 5))
                return WORD_NODE;
        if (first_bytes(word, 6) == word_of("\5query", 6))
                return WORD_QUERY;
        if (first_bytes(word, 5) == word_of("\4addr", 5))
                return WORD_ADDR;
        if (word == word_of("\7connect", 8) || word == word_of("\7ingress", 8))
                return WORD_ABSENT;
        return WORD_NONE;
}

static inline bool is_domain(const struct dns_domain *domain, const uint8_t *raw)
{
        const uint8_t *wire = domain->name.wire;

        // The shortest domains are no whole word, even with the question's type and class.
        if (domain->length < 4)
                return dns_equals_lower(raw, wire, domain->length);
        if (!dns_word_is(load_u64(raw), domain->head, domain->head_mask))
                return false;
        return domain->length <= 8 || dns_equals_lower(raw + 8, wire + 8, domain->length - 8u);
}

static inline const struct dns_domain *find_domain(const struct dns_zone *zone,
                                                   const struct dns_query *query,
                                                   const uint8_t *raw, const struct labels *labels)
{
        for (unsigned i = 0; i < zone->domain_count; i++) {
                const struct dns_domain *domain = &zone->domains[i];
                unsigned offset;

                if (labels->count < domain->label_count)
                        continue;
                offset = labels->at[labels->count - domain->label_count];
                if ((unsigned)query->name_length - offset == domain->length &&
                    is_domain(domain, raw + offset))
                        return domain;
        }
        return NULL;
}

static inline void look_up(struct dns_query *query, enum dns_kind kind, unsigned name_bytes)
{
        query->action = DNS_LOOK_UP;
        query->kind = (uint8_t)kind;
        query->text[DNS_QUERY_NAME - 1] = (uint8_t)kind;
        query->key_length = (uint16_t)(1 + name_bytes);
}

// RFC 2782: _name._tag, where the tag "tcp", or none, means every instance.
static void look_up_underscored(struct dns_query *query, const struct labels *labels)
{
        uint8_t *name = query->text + DNS_QUERY_NAME;
        const uint8_t *tag = name + labels->at[1];
        uint8_t key[2 * (DNS_LABEL_MAX + 1)];
        unsigned name_length = name[0] - 1u, tag_length = tag[0] - 1u, length = 0;

        if (name_length == 0) {
                query->action = DNS_SAY_NXDOMAIN;
                return;
        }
        if (tag_length > 0 && !(tag_length == 3 && memcmp(tag + 2, "tcp", 3) == 0)) {
                key[0] = (uint8_t)tag_length;
                memcpy(key + 1, tag + 2, tag_length);
                length = 1 + tag_length;
        }
        key[length] = (uint8_t)name_length;
        memcpy(key + length + 1, name + 2, name_length);
        length += 1 + name_length;
        memcpy(name, key, length);
        look_up(query, DNS_KIND_SERVICE, length);
}

static void parse_addr_name(struct dns_query *query, const uint8_t *label)
{
        unsigned length = label[0];

        query->action = DNS_SAY_NXDOMAIN;
        // As long as no address, the name exists all the same, and has nothing; so Consul halves.
        if (length / 2 != 4 && length / 2 != 16)
                query->action = DNS_SAY_NOTHING;
        if (length != 8 && length != 32)
                return;
        for (unsigned i = 0; i < length; i++) {
                uint8_t c = label[1 + i];
                unsigned digit;

                if (c >= '0' && c <= '9')
                        digit = c - '0';
                else if (c >= 'a' && c <= 'f')
                        digit = c - 'a' + 10u;
                else
                        return;
                if (i % 2 == 0)
                        query->address[i / 2] = (uint8_t)(digit << 4);
                else
                        query->address[i / 2] |= (uint8_t)digit;
        }
        query->address_length = (uint8_t)(length / 2);
        query->action = DNS_SAY_ADDRESS;
}

static bool node_has_type(uint16_t type)
{
        return type == DNS_TYPE_A || type == DNS_TYPE_AAAA || type == DNS_TYPE_ANY ||
               type == DNS_TYPE_TXT;
}

static inline void dispatch_service(struct dns_query *query, const struct labels *labels,
                                    unsigned parts, unsigned prefix_length)
{
        const uint8_t *name = query->text + DNS_QUERY_NAME;

        if (parts == 2 && name[1] == '_' && name[labels->at[1] + 1] == '_')
                look_up_underscored(query, labels);
        else
                look_up(query, DNS_KIND_SERVICE, prefix_length);
}

// The name lies in the zone, and lower-cased in the query: find the kind's label from the right,
// and what stands around it.
static void dispatch_kind(const struct dns_zone *zone, struct dns_query *query,
                          const struct labels *labels, unsigned below_domain)
{
        const uint8_t *name = query->text + DNS_QUERY_NAME;
        enum word word = WORD_NONE;
        unsigned parts, suffixes, suffix_at, prefix_length;
        bool foreign_datacenter = false;

        query->action = DNS_SAY_NXDOMAIN;
        for (parts = below_domain; parts > 0; parts--) {
                const uint8_t *label = name + labels->at[parts - 1];

                word = kind_word(label);
                if (word != WORD_NONE || (query->type == DNS_TYPE_SRV && label[1] == '_'))
                        break;
        }
        if (parts == 0)
                return;
        // An underscored label of an SRV question stands for itself: the kind is left out.
        suffixes = below_domain - parts;
        suffix_at = parts;
        if (word != WORD_NONE)
                parts--;
        prefix_length = parts < below_domain ? labels->at[parts] : query->domain_offset;
        if (parts == 0 || (suffixes > 1 && word != WORD_ADDR))
                return;
        if (suffixes == 1) {
                const uint8_t *label = name + labels->at[suffix_at];

                foreign_datacenter = label[0] + 1u != zone->datacenter.length ||
                                     memcmp(label, zone->datacenter.wire, label[0] + 1u) != 0;
        }
        if (word == WORD_ADDR) {
                // Consul computes these whatever the datacenter.
                if (parts == 1)
                        parse_addr_name(query, name);
        } else if (word == WORD_NODE && !node_has_type(query->type)) {
                query->action = DNS_SAY_NOTHING;
        } else if (word == WORD_ABSENT) {
                return;
        } else if (foreign_datacenter) {
                query->action = DNS_SAY_ELSEWHERE;
        } else if (word == WORD_NODE) {
                look_up(query, DNS_KIND_NODE, prefix_length);
        } else if (word == WORD_QUERY) {
                look_up(query, DNS_KIND_QUERY, prefix_length);
        } else {
                dispatch_service(query, labels, parts, prefix_length);
        }
}

static bool is_arpa(const uint8_t *raw, const struct labels *labels)
{
        const uint8_t *last;

        if (labels->count == 0)
                return false;
        last = raw + labels->at[labels->count - 1];
        return last[0] == 4 &&
               first_bytes(dns_lower_word(load_u64(last)), 6) == word_of("\4arpa", 6);
}

// A service's name under its kind's label and the domain, not one of RFC 2782's.
static inline bool is_plain_service(const uint8_t *raw, const struct labels *labels,
                                    unsigned below_domain)
{
        const uint8_t *kind;

        if (below_domain < 2 || (below_domain == 3 && raw[1] == '_'))
                return false;
        kind = raw + labels->at[below_domain - 1];
        return dns_word_is(load_u64(kind), word_of("\7service", 8), UINT64_MAX);
}

// @raw  the name in any case; what follows its labels makes each a whole word.
static inline void dispatch_name(const struct dns_zone *zone, struct dns_query *query,
                                 const uint8_t *raw, const struct labels *labels)
{
        const struct dns_domain *domain = find_domain(zone, query, raw, labels);
        uint8_t *text = query->text + DNS_QUERY_NAME;
        unsigned below_domain;

        // Reverse names are no names of the root, when that is the domain.
        if (domain == NULL || (domain->label_count == 0 && is_arpa(raw, labels))) {
                query->action = DNS_SAY_FOREIGN;
                if (is_arpa(raw, labels)) {
                        dns_lower_copy(text, raw, query->name_length);
                        dns_parse_reverse(query, text, labels->count);
                }
                return;
        }
        query->main_domain = domain->main;
        query->domain_offset = (uint8_t)(query->name_length - domain->length);
        below_domain = labels->count - domain->label_count;
        if (query->type == DNS_TYPE_SOA || query->type == DNS_TYPE_NS) {
                look_up(query, DNS_KIND_NAMESERVERS, 0);
        } else if (query->type == DNS_TYPE_AXFR) {
                query->action = DNS_SAY_UNSUPPORTED;
        } else if (is_plain_service(raw, labels, below_domain)) {
                // Nearly every question: only what becomes the key is copied.
                dns_lower_words(text, raw, labels->at[below_domain - 1]);
                look_up(query, DNS_KIND_SERVICE, labels->at[below_domain - 1]);
        } else {
                dns_lower_copy(text, raw, query->name_length);
                dispatch_kind(zone, query, labels, below_domain);
        }
}

static inline bool has_ordinary_header(const uint8_t *data)
{
        // QR and opcode zero; one question; at most one record, in the additional section.
        return (data[2] & 0xF8) == 0 && load_be32(data + 4) == 0x00010000 &&
               (load_be32(data + 8) & ~1u) == 0;
}

// Decide on an odd header. Returns true when the message is to be answered as a query.
static bool accept_odd_header(const uint8_t *data, struct dns_query *query)
{
        unsigned opcode = (data[2] & 0x78u) >> 3;

        query->action = DNS_SAY_ERROR;
        query->rcode = DNS_FORMERR;
        if ((data[2] & 0x80) != 0) {
                query->action = DNS_SAY_VERDICT;
                query->verdict = DNS_DROP_NOT_QUERY;
                return false;
        }
        if (opcode != DNS_OPCODE_QUERY && opcode != DNS_OPCODE_NOTIFY) {
                query->rcode = DNS_NOTIMP;
                return false;
        }
        // A notification may carry one SOA in either section (RFC 1996, 1995); no query has more.
        return load_be16(data + 4) == 1 && load_be16(data + 6) <= 1 && load_be16(data + 8) <= 1 &&
               load_be16(data + 10) <= 2;
}

// Whether n bytes (n > 7) in any case are those given in lower case; words, the last overlapping.
static inline bool equals_lower_words(const uint8_t *any, const uint8_t *lower, unsigned n)
{
        for (unsigned i = 0; i + 8 < n; i += 8)
                if (!dns_word_is(load_u64(any + i), load_u64(lower + i), UINT64_MAX))
                        return false;
        return dns_word_is(load_u64(any + n - 8), load_u64(lower + n - 8), UINT64_MAX);
}

// Nearly every question: the address or SRV record of a service by its name alone, and nothing
// behind it. Where it ends is known from its length, so that no label leads to the next; of any
// other question nothing is said.
static inline bool parse_plain(const struct dns_zone *zone, const struct dns_message *message,
                               struct dns_query *query)
{
        static const uint8_t one_question[8] = {0, 1};
        const uint8_t *data = message->data, *name = data + DNS_HEADER_LENGTH;
        const unsigned suffix_length = zone->service_suffix.length;
        const unsigned around = DNS_HEADER_LENGTH + suffix_length + 4;
        unsigned prefix_length, name_length;
        uint16_t type;

        if (suffix_length == 0 || message->length < around + 2 ||
            message->capacity < message->length)
                return false;
        prefix_length = message->length - around;
        name_length = prefix_length + suffix_length;
        if ((data[2] & 0xF8) != 0 || load_u64(data + 4) != load_u64(one_question) ||
            name[0] + 1u != prefix_length || name[0] > DNS_LABEL_MAX ||
            name_length > DNS_NAME_MAX ||
            !equals_lower_words(name + prefix_length, zone->service_suffix.wire, suffix_length))
                return false;
        // A is 1 and SRV 33: one bit tells them apart, where a branch would be mispredicted.
        type = load_be16(name + name_length);
        if (((type - DNS_TYPE_A) & ~(DNS_TYPE_SRV - DNS_TYPE_A)) != 0)
                return false;
        query->type = type;
        query->ready = (uint8_t)(type >> 5);
        query->end = message->length;
        query->name_length = (uint8_t)name_length;
        query->domain_offset = (uint8_t)(name_length - dns_zone_main(zone)->length);
        query->main_domain = true;
        dns_lower_words(query->text + DNS_QUERY_NAME, name, prefix_length);
        look_up(query, DNS_KIND_SERVICE, prefix_length);
        return true;
}

void dns_parse(const struct dns_zone *zone, const struct dns_message *message,
               struct dns_query *query)
{
        query->has_edns = false;
        query->has_ecs = false;
        query->udp_size = 0;
        if (!parse_plain(zone, message, query))
                dns_parse_any(zone, message, query);
}

void dns_parse_any(const struct dns_zone *zone, const struct dns_message *message,
                   struct dns_query *query)
{
        const uint8_t *data = message->data, *name = data + DNS_HEADER_LENGTH;
        struct labels labels;
        unsigned max, length;

        query->has_edns = false;
        query->main_domain = false;
        query->has_ecs = false;
        query->udp_size = 0;
        query->ready = DNS_NOT_READY;
        if (message->length < DNS_HEADER_LENGTH || message->capacity < message->length) {
                query->action = DNS_SAY_VERDICT;
                query->verdict =
                    message->length < DNS_HEADER_LENGTH ? DNS_DROP_SHORT : DNS_DROP_NO_ROOM;
                return;
        }
        if (!has_ordinary_header(data) && !accept_odd_header(data, query))
                return;
        // Type and class follow the name.
        max = message->length - DNS_HEADER_LENGTH;
        max = max < 4 ? 0 : max - 4;
        length = split_labels(name, max < DNS_NAME_MAX ? max : DNS_NAME_MAX, &labels);
        if (length == 0) {
                query->action = DNS_SAY_ERROR;
                query->rcode = DNS_FORMERR;
                return;
        }
        query->name_length = (uint8_t)length;
        query->type = load_be16(name + length);
        query->end = (uint16_t)(DNS_HEADER_LENGTH + length + 4);
        if ((load_be32(data + 8) | load_be16(data + 6)) != 0 && !dns_parse_edns(message, query)) {
                query->action = DNS_SAY_ERROR;
                query->rcode = DNS_FORMERR;
                return;
        }
        dispatch_name(zone, query, name, &labels);
}

bool dns_parse_target(const struct dns_zone *zone, const uint8_t *name, size_t length,
                      struct dns_query *query)
{
        struct labels labels;

        if (split_labels(name, (unsigned)length, &labels) != length)
                return false;
        query->name_length = (uint8_t)length;
        dns_lower_copy(query->text + DNS_QUERY_NAME, name, length);
        memset(query->text + DNS_QUERY_NAME + length, 0, 8);
        query->type = DNS_TYPE_ANY;
        query->ready = DNS_NOT_READY;
        // Nothing need follow this name where it stands.
        dispatch_name(zone, query, query->text + DNS_QUERY_NAME, &labels);
        return query->action != DNS_SAY_FOREIGN && query->action != DNS_SAY_NO_REVERSE &&
               !(query->action == DNS_LOOK_UP && query->kind == DNS_KIND_REVERSE);
}
