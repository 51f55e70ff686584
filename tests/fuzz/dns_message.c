// What other name servers answer, gathered into our own answers: both may be anything.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/dns/message.h"
#include "dataplane/dns/dns_zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct lictor_zone settings = {.domain = "consul", .datacenter = "dc1"};
        static struct dns_zone *zone;
        struct dns_message_host hosts[DNS_MESSAGE_HOSTS_MAX];
        struct dns_message_limits limits = {.answer_max = 3, .compress = true};
        struct dns_message_added added = {0};
        struct dns_message_taking taking;
        uint8_t question[300], *own, *theirs, *out;
        size_t own_len, len;
        unsigned count;

        if (zone == NULL && dns_zone_create(&settings, &zone) < 0)
                abort();
        if (size < 2)
                return 0;
        own_len = data[0] % (size - 1);
        limits.size = own_len + data[size - 1];
        // Copies of their exact size, so that reading behind them is seen.
        own = malloc(own_len + 1);
        theirs = malloc(size - own_len);
        out = malloc(limits.size + 1);
        memcpy(own, data + 1, own_len);
        memcpy(theirs, data + 1 + own_len, size - 1 - own_len);
        dns_message_taking_init(zone, own, own_len, &taking);
        dns_message_gather(theirs, size - 1 - own_len, &taking, &added);
        taking.beside = true;
        dns_message_gather(theirs, size - 1 - own_len, &taking, &added);
        dns_message_udp_size(own, own_len);
        count = dns_message_open_hosts(zone, own, own_len, hosts);
        for (unsigned i = 0; i < count; i++) {
                if (dns_message_ask(&hosts[i], question) > sizeof(question))
                        abort();
        }
        len = dns_message_add(own, own_len, &added, &limits, out);
        if (len > limits.size)
                abort();
        // What was written is a message that can be read again.
        if (len > 0 && dns_message_open_hosts(zone, out, len, hosts) > DNS_MESSAGE_HOSTS_MAX)
                abort();
        free(out);
        free(theirs);
        free(own);
        return 0;
}
