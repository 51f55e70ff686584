#include "control/dns/question.h"

#include <string.h>

#include "control/publisher/publisher.h"
#include "dataplane/dns/dns_query.h"
#include "dataplane/plane/plane.h"

// returns  whether the zone calls its table stale.
static bool parse(const struct lictor_dataplane *dataplane, const struct dns_message *message,
                  struct dns_query *out)
{
        const struct dns_zone *zone;
        bool stale;

        lictor_reader_online();
        zone = plane_zone(dataplane);
        stale = zone->stale;
        dns_parse(zone, message, out);
        lictor_reader_offline();
        return stale;
}

// Labels [begin, end) of a key as text. @out  room for DNS_NAME_MAX.
static bool join_labels(const uint8_t *label, size_t begin, size_t end, char *out)
{
        size_t used = 0;

        for (size_t len = begin; len < end; len += label[len] + 1u) {
                // A dot or NUL inside a label cannot be told from what text makes of it.
                if (memchr(label + len + 1, '.', label[len]) != NULL ||
                    memchr(label + len + 1, '\0', label[len]) != NULL)
                        return false;
                if (used > 0)
                        out[used++] = '.';
                memcpy(out + used, label + len + 1, label[len]);
                used += label[len];
        }
        out[used] = '\0';
        return true;
}

bool dns_question_query(const struct lictor_dataplane *dataplane, const struct dns_message *message,
                        char out[DNS_NAME_MAX])
{
        struct dns_query query;

        parse(dataplane, message, &query);
        return query.action == DNS_LOOK_UP && query.kind == DNS_KIND_QUERY &&
               join_labels(query.text + DNS_QUERY_NAME, 0, query.key_length - 1u, out);
}

bool dns_question_name(const struct lictor_dataplane *dataplane, const struct dns_message *message,
                       struct publisher_name *out)
{
        struct dns_query query;
        const uint8_t *labels = query.text + DNS_QUERY_NAME;
        size_t end, last = 0;

        parse(dataplane, message, &query);
        if (query.action != DNS_LOOK_UP)
                return false;
        end = query.key_length - 1u;
        out->tag[0] = '\0';
        if (query.kind != DNS_KIND_SERVICE) {
                out->kind = query.kind == DNS_KIND_NODE ? PUBLISHER_NODE : PUBLISHER_QUERY;
                return (query.kind == DNS_KIND_NODE || query.kind == DNS_KIND_QUERY) &&
                       join_labels(labels, 0, end, out->name);
        }
        // What stands before a service's name is a tag, dots and all.
        while (last + labels[last] + 1u < end)
                last += labels[last] + 1u;
        out->kind = PUBLISHER_SERVICE;
        return join_labels(labels, last, end, out->name) &&
               (last == 0 || join_labels(labels, 0, last, out->tag));
}

bool dns_question_datacenter(const struct lictor_dataplane *dataplane,
                             const struct dns_message *message, char out[64])
{
        struct dns_query query;
        const uint8_t *label;

        parse(dataplane, message, &query);
        if (query.action != DNS_SAY_ELSEWHERE)
                return false;
        label = dns_query_datacenter(&query);
        memcpy(out, label + 1, label[0]);
        out[label[0]] = '\0';
        return memchr(out, '\0', label[0]) == NULL;
}

bool dns_question_is_stale(const struct lictor_dataplane *dataplane,
                           const struct dns_message *message)
{
        struct dns_query query;
        bool stale = parse(dataplane, message, &query);

        return stale && query.action == DNS_LOOK_UP;
}
