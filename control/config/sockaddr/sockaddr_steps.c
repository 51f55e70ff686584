#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/sockaddr/sockaddr_internal.h"
#include "lictor/bytes.h"

#define SORT_KEYS_MAX 8

static void bytes_text(const uint8_t *bytes, unsigned length, char out[SOCKADDR_TEXT_MAX])
{
        unsigned best = 8, best_length = 1, at = 0;
        char *end = out;

        if (length == 4) {
                snprintf(out, SOCKADDR_TEXT_MAX, "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
                         bytes[3]);
                return;
        }
        // RFC 5952: the longest run of two or more zero groups is written as "::".
        for (unsigned i = 0; i < 8; i++) {
                unsigned run = 0;

                while (i + run < 8 && bytes[2 * (i + run)] == 0 && bytes[2 * (i + run) + 1] == 0)
                        run++;
                if (run > best_length) {
                        best = i;
                        best_length = run;
                }
        }
        *end = '\0';
        while (at < 8) {
                if (at == best) {
                        end += snprintf(end, 3, "::");
                        at += best_length;
                        continue;
                }
                end += snprintf(end, 7, "%s%x", end > out && end[-1] != ':' ? ":" : "",
                                (unsigned)bytes[2 * at] << 8 | bytes[2 * at + 1]);
                at++;
        }
}

void sockaddr_address_text(const struct sockaddr_entry *entry, char out[SOCKADDR_TEXT_MAX])
{
        bytes_text(entry->bytes, entry->length, out);
}

static void flags_text(unsigned flags, char out[SOCKADDR_TEXT_MAX])
{
        static const struct {
                unsigned flag;
                const char *name;
        } names[] = {{SOCKADDR_UP, "up"},
                     {SOCKADDR_BROADCAST, "broadcast"},
                     {SOCKADDR_LOOPBACK, "loopback"},
                     {SOCKADDR_POINT_TO_POINT, "pointtopoint"},
                     {SOCKADDR_MULTICAST, "multicast"}};
        size_t used = 0;

        out[0] = '\0';
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                if (flags & names[i].flag)
                        used += (size_t)snprintf(out + used, SOCKADDR_TEXT_MAX - used, "%s%s",
                                                 used > 0 ? "|" : "", names[i].name);
        }
}

// The network's first or, with the host bits set, last address.
static void network_text(const struct sockaddr_entry *entry, bool last, char out[SOCKADDR_TEXT_MAX])
{
        uint8_t bytes[16], mask[16];

        memcpy(bytes, entry->bytes, sizeof(bytes));
        memset(mask, 0xff, sizeof(mask));
        sockaddr_mask(bytes, entry->length, entry->bits);
        sockaddr_mask(mask, entry->length, entry->bits);
        for (unsigned i = 0; last && i < entry->length; i++)
                bytes[i] = (uint8_t)(bytes[i] | (uint8_t)~mask[i]);
        bytes_text(bytes, entry->length, out);
}

static void netmask_text(const struct sockaddr_entry *entry, char out[SOCKADDR_TEXT_MAX])
{
        uint8_t mask[16];

        memset(mask, 0xff, sizeof(mask));
        sockaddr_mask(mask, entry->length, entry->bits);
        bytes_text(mask, entry->length, out);
}

int sockaddr_attribute(const struct sockaddr_entry *entry, const char *name,
                       char out[SOCKADDR_TEXT_MAX], const struct sockaddr_error *error)
{
        unsigned host_bits = entry->length * 8 - entry->bits;
        size_t used;

        if (strcmp(name, "name") == 0) {
                snprintf(out, SOCKADDR_TEXT_MAX, "%s", entry->name);
        } else if (strcmp(name, "address") == 0 || strcmp(name, "host") == 0) {
                sockaddr_address_text(entry, out);
        } else if (strcmp(name, "flags") == 0) {
                flags_text(entry->flags, out);
        } else if (strcmp(name, "network") == 0 || strcmp(name, "string") == 0) {
                if (name[0] == 'n')
                        network_text(entry, false, out);
                else
                        sockaddr_address_text(entry, out);
                used = strlen(out);
                snprintf(out + used, SOCKADDR_TEXT_MAX - used, "/%u", entry->bits);
        } else if (strcmp(name, "broadcast") == 0 && entry->length == 4) {
                network_text(entry, true, out);
        } else if (strcmp(name, "netmask") == 0) {
                netmask_text(entry, out);
        } else if (strcmp(name, "mask_bits") == 0) {
                snprintf(out, SOCKADDR_TEXT_MAX, "%u", entry->bits);
        } else if (strcmp(name, "type") == 0) {
                snprintf(out, SOCKADDR_TEXT_MAX, "%s", entry->length == 4 ? "IPv4" : "IPv6");
        } else if (strcmp(name, "size") == 0 && host_bits < 64) {
                snprintf(out, SOCKADDR_TEXT_MAX, "%llu", 1ULL << host_bits);
        } else {
                return sockaddr_fail(error, "unsupported attribute: \"%s\"", name);
        }
        return 0;
}

static int order(unsigned a, unsigned b)
{
        return (a > b) - (a < b);
}

static int compare_by(const char *key, const struct sockaddr_entry *a,
                      const struct sockaddr_entry *b)
{
        if (strcmp(key, "address") == 0)
                return a->length != b->length ? order(a->length, b->length)
                                              : memcmp(a->bytes, b->bytes, a->length);
        if (strcmp(key, "name") == 0)
                return strcmp(a->name, b->name);
        if (strcmp(key, "type") == 0)
                return order(a->length, b->length);
        if (strcmp(key, "default") == 0)
                return order(b->is_default, a->is_default);
        if (strcmp(key, "private") == 0)
                return order(sockaddr_in_rfc(b, "6890") == 1, sockaddr_in_rfc(a, "6890") == 1);
        // "size": larger networks, which have shorter masks, come first.
        return a->length != b->length ? order(a->length, b->length) : order(a->bits, b->bits);
}

static bool is_sort_key(const char *key)
{
        static const char *const keys[] = {"address", "name", "type", "default", "private", "size"};

        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                if (strcmp(keys[i], key) == 0)
                        return true;
        }
        return false;
}

struct sort_key {
        char name[12];
        bool descending;
};

static int compare_all(const struct sort_key *keys, size_t count, const struct sockaddr_entry *a,
                       const struct sockaddr_entry *b)
{
        for (size_t i = 0; i < count; i++) {
                int result = compare_by(keys[i].name, a, b);

                if (result != 0)
                        return keys[i].descending ? -result : result;
        }
        return 0;
}

// By insertion: hosts have few addresses, and equal ones must keep their order.
static void sort_entries(struct sockaddr_value *value, const struct sort_key *keys, size_t count)
{
        for (size_t i = 1; i < value->count; i++) {
                struct sockaddr_entry moved = value->entries[i];
                size_t at = i;

                for (; at > 0 && compare_all(keys, count, &value->entries[at - 1], &moved) > 0;
                     at--)
                        value->entries[at] = value->entries[at - 1];
                value->entries[at] = moved;
        }
}

int sockaddr_sort(struct sockaddr_value *value, const char *keys,
                  const struct sockaddr_error *error)
{
        struct sort_key parsed[SORT_KEYS_MAX];
        size_t count = 0;

        while (*keys != '\0') {
                size_t length = strcspn(keys, ",");
                bool sign = *keys == '-' || *keys == '+';
                size_t name_length = length - sign;

                if (count == SORT_KEYS_MAX || name_length >= sizeof(parsed[0].name))
                        return sockaddr_fail(error, "invalid sort: \"%s\"", keys);
                parsed[count].descending = *keys == '-';
                memcpy(parsed[count].name, keys + sign, name_length);
                parsed[count].name[name_length] = '\0';
                if (!is_sort_key(parsed[count].name))
                        return sockaddr_fail(error, "unknown sort type: \"%s\"",
                                             parsed[count].name);
                count++;
                keys += length + (keys[length] == ',');
        }
        sort_entries(value, parsed, count);
        return 0;
}

int sockaddr_unique(struct sockaddr_value *value, const char *by,
                    const struct sockaddr_error *error)
{
        size_t kept = 0;

        if (strcmp(by, "address") != 0 && strcmp(by, "name") != 0)
                return sockaddr_fail(error, "unsupported unique constraint \"%s\"", by);
        for (size_t i = 0; i < value->count; i++) {
                size_t k = 0;

                while (k < kept && compare_by(by, &value->entries[k], &value->entries[i]) != 0)
                        k++;
                if (k == kept)
                        value->entries[kept++] = value->entries[i];
        }
        value->count = kept;
        return 0;
}

// Add to an address as to one big number; it may not leave its family's range.
static int add_to(struct sockaddr_entry *entry, long long amount)
{
        long long carry = amount;

        for (unsigned i = entry->length; i > 0; i--) {
                long long sum = entry->bytes[i - 1] + carry;

                entry->bytes[i - 1] = (uint8_t)(sum & 0xff);
                carry = sum >> 8;
        }
        return carry == 0 ? 0 : -ERANGE;
}

int sockaddr_math(struct sockaddr_value *value, const char *operation, const char *operand,
                  const struct sockaddr_error *error)
{
        bool mask = strcmp(operation, "mask") == 0, network = strcmp(operation, "network") == 0;
        char *end;
        long long amount = strtoll(operand, &end, 10);

        if (!mask && !network && strcmp(operation, "address") != 0)
                return sockaddr_fail(error, "unsupported math operation: \"%s\"", operation);
        if (*operand == '\0' || *end != '\0' || amount > INT32_MAX || amount < INT32_MIN)
                return sockaddr_fail(error, "unable to convert \"%s\" to an integer", operand);
        for (size_t i = 0; i < value->count; i++) {
                struct sockaddr_entry *entry = &value->entries[i];

                if (mask) {
                        if (amount < 0 || amount > (long long)entry->length * 8)
                                return sockaddr_fail(error, "invalid mask size \"%s\"", operand);
                        entry->bits = (unsigned)amount;
                        sockaddr_mask(entry->bytes, entry->length, entry->bits);
                        continue;
                }
                // Going back from a network means from its end.
                if (network) {
                        sockaddr_mask(entry->bytes, entry->length, entry->bits);
                        for (unsigned bit = entry->bits; amount < 0 && bit < entry->length * 8;
                             bit++)
                                entry->bytes[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
                }
                if (add_to(entry, network && amount < 0 ? amount + 1 : amount) < 0)
                        return sockaddr_fail(error, "address out of range: %s", operand);
        }
        return 0;
}
