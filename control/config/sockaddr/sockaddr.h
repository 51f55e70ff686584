#ifndef LICTOR_CONFIG_SOCKADDR_H
#define LICTOR_CONFIG_SOCKADDR_H

/**
 * Addresses in settings may be templates over this host's interfaces, as go-sockaddr reads them:
 * {{ GetInterfaceIP "eth0" }}, {{ GetAllInterfaces | include "network" "10.0.0.0/8" |
 * sort "size,address" | limit 2 | join "address" " " }}.
 *
 * Sources: GetAllInterfaces, GetDefaultInterfaces, GetPrivateInterfaces, GetPublicInterfaces,
 * GetPrivateIP(s), GetPublicIP(s), GetInterfaceIP(s). Steps: include, exclude (address, flags,
 * name, network, rfc, size, type), sort (address, default, name, private, size, type), unique,
 * limit, offset, attr, join, math (address, network, mask).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOCKADDR_NAME_MAX 16

enum sockaddr_flags {
        SOCKADDR_UP = 1,
        SOCKADDR_BROADCAST = 2,
        SOCKADDR_LOOPBACK = 4,
        SOCKADDR_POINT_TO_POINT = 8,
        SOCKADDR_MULTICAST = 16
};

/* One address of one interface. */
struct sockaddr_entry {
        char name[SOCKADDR_NAME_MAX];
        uint8_t bytes[16]; /* network byte order; an IPv4 address in the first four */
        unsigned length;   /* 4 or 16 */
        unsigned bits;     /* of the network */
        unsigned flags;    /* enum sockaddr_flags */
        bool is_default;   /* the default route leaves by this interface */
};

/**
 * Expand every template in a text; what is outside {{ }} stays.
 * @entries  the host's addresses, in the order the system lists them.
 * @error    on failure one line without its context.
 * returns   text owned by the caller; NULL with an error.
 * context   pure.
 */
char *sockaddr_template_expand(const char *text, const struct sockaddr_entry *entries, size_t count,
                               char *error, size_t error_size);

#endif
