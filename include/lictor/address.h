#ifndef LICTOR_ADDRESS_H
#define LICTOR_ADDRESS_H

/* Socket addresses as text. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Holds any address with its port, "[...]:65535" and a NUL. */
#define ADDRESS_TEXT_MAX (INET6_ADDRSTRLEN + sizeof("[]:65535"))

/**
 * Write "127.0.0.1:8600" or "[::1]:8600", and "?" for another family than IPv4 and IPv6.
 * @out  holds size bytes, ADDRESS_TEXT_MAX to be safe.
 * returns out.
 */
static inline const char *address_text(const struct sockaddr *address, char *out, size_t size)
{
        const struct sockaddr_in6 *v6 = (const void *)address;
        const struct sockaddr_in *v4 = (const void *)address;
        char host[INET6_ADDRSTRLEN] = "?";

        if (address->sa_family == AF_INET6) {
                inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
                snprintf(out, size, "[%s]:%u", host, ntohs(v6->sin6_port));
        } else if (address->sa_family == AF_INET) {
                inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
                snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
        } else {
                snprintf(out, size, "%s", host);
        }
        return out;
}

/** Whether two addresses, of IPv4 or IPv6, are one host's; ports do not count. */
static inline bool address_same_host(const struct sockaddr_storage *a,
                                     const struct sockaddr_storage *b)
{
        if (a->ss_family != b->ss_family)
                return false;
        if (a->ss_family == AF_INET6)
                return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                              &((const struct sockaddr_in6 *)b)->sin6_addr,
                              sizeof(struct in6_addr)) == 0;
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

#endif
