#include "tests/dataplane/dns/dns_text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/dns/dns_wire.h"
#include "lictor/bytes.h"

struct decoder {
        const uint8_t *data;
        size_t length;
        size_t at;
        char *text;
        size_t size;
        size_t used;
        const char *fault;
};

static const struct {
        const char *name;
        uint16_t type;
} types[] = {
    {"A", DNS_TYPE_A},     {"NS", DNS_TYPE_NS},     {"CNAME", DNS_TYPE_CNAME},
    {"SOA", DNS_TYPE_SOA}, {"PTR", DNS_TYPE_PTR},   {"MX", 15},
    {"TXT", DNS_TYPE_TXT}, {"AAAA", DNS_TYPE_AAAA}, {"SRV", DNS_TYPE_SRV},
    {"OPT", DNS_TYPE_OPT}, {"HTTPS", 65},           {"AXFR", DNS_TYPE_AXFR},
    {"ANY", DNS_TYPE_ANY},
};

static const char *const rcodes[16] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                       "NXDOMAIN", "NOTIMP",  "REFUSED"};

static const struct {
        const char *name;
        uint16_t bit;
} flag_names[] = {{"qr", DNS_FLAG_QR}, {"aa", DNS_FLAG_AA}, {"tc", DNS_FLAG_TC},
                  {"rd", DNS_FLAG_RD}, {"ra", DNS_FLAG_RA}, {"z", 0x40},
                  {"ad", 0x20},        {"cd", DNS_FLAG_CD}};

uint16_t dns_text_type(const char *name)
{
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (strcmp(types[i].name, name) == 0)
                        return types[i].type;
        return (uint16_t)strtoul(name + strlen("TYPE"), NULL, 10);
}

__attribute__((format(printf, 2, 3))) static void say(struct decoder *d, const char *format, ...)
{
        va_list arguments;
        int length;

        va_start(arguments, format);
        length = vsnprintf(d->text + d->used, d->size - d->used, format, arguments);
        va_end(arguments);
        if (length < 0 || (size_t)length >= d->size - d->used)
                d->fault = "more text than room";
        else
                d->used += (size_t)length;
}

static void say_type(struct decoder *d, uint16_t type)
{
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                if (types[i].type == type) {
                        say(d, "%s", types[i].name);
                        return;
                }
        }
        say(d, "TYPE%u", type);
}

static bool need(struct decoder *d, size_t length)
{
        if (d->fault == NULL && d->length - d->at < length)
                d->fault = "cut short";
        return d->fault == NULL;
}

// Pointers must lead backwards, so they end.
static void decode_name(struct decoder *d)
{
        size_t at = d->at, wire_length = 0, before = d->at;
        bool jumped = false;

        if (need(d, 1) && d->data[at] == 0)
                say(d, ".");
        while (d->fault == NULL) {
                uint8_t length;

                if (at >= d->length) {
                        d->fault = "name runs out";
                        return;
                }
                length = d->data[at];
                if (length >= 0xC0) {
                        size_t to;

                        if (at + 2 > d->length) {
                                d->fault = "pointer runs out";
                                return;
                        }
                        to = load_be16(d->data + at) & 0x3FFFu;
                        if (to >= before || to < 12) {
                                d->fault = "pointer does not lead back";
                                return;
                        }
                        if (!jumped)
                                d->at = at + 2;
                        jumped = true;
                        before = at = to;
                        continue;
                }
                if (length > 63) {
                        d->fault = "label type";
                        return;
                }
                wire_length += length + 1u;
                if (wire_length > 255 || at + 1 + length > d->length) {
                        d->fault = "name too long";
                        return;
                }
                if (length == 0)
                        break;
                for (unsigned i = 1; i <= length; i++) {
                        uint8_t c = d->data[at + i];

                        if (c > ' ' && c < 0x7f && c != '.')
                                say(d, "%c", c);
                        else
                                say(d, "\\%03u", c);
                }
                say(d, ".");
                at += length + 1u;
        }
        if (!jumped)
                d->at = at + 1;
}

static void decode_strings(struct decoder *d, size_t end)
{
        if (d->at == end)
                d->fault = "TXT without strings";
        while (d->fault == NULL && d->at < end) {
                unsigned length = d->data[d->at++];

                if (end - d->at < length) {
                        d->fault = "TXT string runs out";
                        return;
                }
                say(d, " \"%.*s\"", (int)length, (const char *)d->data + d->at);
                d->at += length;
        }
}

static void decode_soa(struct decoder *d)
{
        say(d, " ");
        decode_name(d);
        say(d, " ");
        decode_name(d);
        for (unsigned i = 0; i < 5 && need(d, 4); i++) {
                say(d, " %u", load_be32(d->data + d->at));
                d->at += 4;
        }
}

static void decode_data(struct decoder *d, uint16_t type, size_t end)
{
        char address[INET6_ADDRSTRLEN];
        const uint8_t *data = d->data + d->at;
        size_t length = end - d->at;

        switch (type) {
        case DNS_TYPE_A:
        case DNS_TYPE_AAAA:
                if (length != (type == DNS_TYPE_A ? 4u : 16u)) {
                        d->fault = "address length";
                        return;
                }
                inet_ntop(type == DNS_TYPE_A ? AF_INET : AF_INET6, data, address, sizeof(address));
                say(d, " %s", address);
                d->at = end;
                return;
        case DNS_TYPE_SRV:
                if (!need(d, 7))
                        return;
                say(d, " %u %u %u ", load_be16(data), load_be16(data + 2), load_be16(data + 4));
                d->at += 6;
                decode_name(d);
                return;
        case DNS_TYPE_NS:
        case DNS_TYPE_CNAME:
        case DNS_TYPE_PTR:
                say(d, " ");
                decode_name(d);
                return;
        case DNS_TYPE_SOA:
                decode_soa(d);
                return;
        case DNS_TYPE_TXT:
                decode_strings(d, end);
                return;
        default:
                for (; d->at < end; d->at++)
                        say(d, "%s%02x", d->at == end - length ? " " : "", d->data[d->at]);
                return;
        }
}

static void decode_record(struct decoder *d, char sign)
{
        uint16_t type, class;
        uint32_t ttl;
        size_t end;

        say(d, "%c ", sign);
        decode_name(d);
        if (!need(d, 10))
                return;
        type = load_be16(d->data + d->at);
        class = load_be16(d->data + d->at + 2);
        ttl = load_be32(d->data + d->at + 4);
        end = d->at + 10 + load_be16(d->data + d->at + 8);
        d->at += 10;
        if (end > d->length) {
                d->fault = "record data runs out";
                return;
        }
        if (type == DNS_TYPE_OPT) {
                if (ttl != 0)
                        d->fault = "OPT flags";
                say(d, " OPT %u", class);
        } else {
                if (class != DNS_CLASS_IN)
                        d->fault = "class";
                say(d, " %u ", ttl);
                say_type(d, type);
        }
        if (d->fault == NULL)
                decode_data(d, type, end);
        if (d->fault == NULL && d->at != end)
                d->fault = "record data length";
        say(d, "\n");
}

static void decode_flags(struct decoder *d, uint16_t flags)
{
        const char *rcode = rcodes[flags & 15];

        say(d, "%s", rcode == NULL ? "RCODE?" : rcode);
        if ((flags & DNS_FLAG_OPCODE) != 0)
                say(d, " opcode%u", (flags & DNS_FLAG_OPCODE) >> 11);
        for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
                if ((flags & flag_names[i].bit) != 0)
                        say(d, " %s", flag_names[i].name);
        say(d, "\n");
}

bool dns_text_decode(const uint8_t *data, size_t length, char *text, size_t size)
{
        struct decoder d = {.data = data, .length = length, .text = text, .size = size};
        static const char signs[] = "=^+";

        if (need(&d, 12)) {
                decode_flags(&d, load_be16(data + 2));
                d.at = 12;
                for (unsigned i = 0; i < load_be16(data + 4) && d.fault == NULL; i++) {
                        say(&d, "? ");
                        decode_name(&d);
                        if (!need(&d, 4))
                                break;
                        say(&d, " ");
                        say_type(&d, load_be16(data + d.at));
                        say(&d, "\n");
                        d.at += 4;
                }
                for (unsigned section = 0; section < 3; section++)
                        for (unsigned i = 0; i < load_be16(data + 6 + 2 * section); i++)
                                if (d.fault == NULL)
                                        decode_record(&d, signs[section]);
                if (d.fault == NULL && d.at != length)
                        d.fault = "bytes behind the last record";
        }
        if (d.fault != NULL) {
                snprintf(text, size, "NOT SOUND: %s at byte %zu of %zu", d.fault, d.at, length);
                return false;
        }
        dns_text_sort(text);
        return true;
}

static int compare_lines(const void *a, const void *b)
{
        static const char order[] = "?=^+";
        const char *one = *(char *const *)a, *other = *(char *const *)b;
        const char *first = strchr(order, one[0]), *second = strchr(order, other[0]);

        if (first != second)
                return first < second ? -1 : 1;
        return strcmp(one, other);
}

void dns_text_sort(char *text)
{
        size_t count = 0, length = strlen(text);
        char *copy = strdup(text), *saved;
        char **lines = calloc(length + 1, sizeof(*lines));

        for (char *line = strtok_r(copy, "\n", &saved); line != NULL;
             line = strtok_r(NULL, "\n", &saved))
                lines[count++] = line;
        // The first line, the header's, stays.
        if (count > 2)
                qsort(lines + 1, count - 1, sizeof(*lines), compare_lines);
        for (size_t i = 0; i < count; i++) {
                size_t line_length = strlen(lines[i]);

                memcpy(text, lines[i], line_length);
                text += line_length;
                *text++ = '\n';
        }
        *text = '\0';
        free(lines);
        free(copy);
}

size_t dns_text_encode(const struct dns_text_query *query, uint8_t *data, size_t size)
{
        const char *label = query->name;
        size_t at = 12;

        memset(data, 0, size);
        store_be16(data, DNS_TEXT_ID);
        store_be16(data + 2, (uint16_t)(query->flags | (query->no_rd ? 0 : DNS_FLAG_RD)));
        store_be16(data + 4, 1);
        while (*label != '\0' && strcmp(label, ".") != 0) {
                size_t length = strcspn(label, ".");

                data[at] = (uint8_t)length;
                memcpy(data + at + 1, label, length);
                at += length + 1;
                label += length + (label[length] == '.');
        }
        at++;
        store_be16(data + at, query->type);
        store_be16(data + at + 2, DNS_CLASS_IN);
        at += 4;
        if (query->edns == 0)
                return at;
        store_be16(data + 10, 1);
        store_be16(data + at + 1, DNS_TYPE_OPT);
        store_be16(data + at + 3, query->edns);
        store_be16(data + at + 9, query->option_length);
        if (query->option_length > 0)
                memcpy(data + at + 11, query->options, query->option_length);
        return at + 11 + query->option_length;
}
