#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"
#include "control/config/sockaddr/sockaddr.h"

// The interface the default IPv4 route leaves by; "" when there is none.
static void find_default(char out[static IF_NAMESIZE])
{
        FILE *routes = fopen("/proc/net/route", "re");
        char line[256], name[IF_NAMESIZE];
        unsigned long destination, gateway, mask;
        unsigned flags;

        out[0] = '\0';
        if (routes == NULL)
                return;
        while (out[0] == '\0' && fgets(line, sizeof(line), routes) != NULL) {
                if (sscanf(line, "%15s %lx %lx %x %*s %*s %*s %lx", name, &destination, &gateway,
                           &flags, &mask) == 5 &&
                    destination == 0 && mask == 0 && (flags & RTF_UP))
                        snprintf(out, IF_NAMESIZE, "%s", name);
        }
        fclose(routes);
}

static unsigned count_bits(const uint8_t *bytes, unsigned length)
{
        unsigned bits = 0;

        while (bits < length * 8 && (bytes[bits / 8] & (0x80u >> bits % 8)))
                bits++;
        return bits;
}

static bool fill(const struct ifaddrs *item, const char *default_name, struct sockaddr_entry *out)
{
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)item->ifa_addr;
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)item->ifa_addr;
        static const struct {
                unsigned from, to;
        } flags[] = {{IFF_UP, SOCKADDR_UP},
                     {IFF_BROADCAST, SOCKADDR_BROADCAST},
                     {IFF_LOOPBACK, SOCKADDR_LOOPBACK},
                     {IFF_POINTOPOINT, SOCKADDR_POINT_TO_POINT},
                     {IFF_MULTICAST, SOCKADDR_MULTICAST}};

        if (item->ifa_addr == NULL || item->ifa_netmask == NULL)
                return false;
        *out = (struct sockaddr_entry){.is_default = strcmp(item->ifa_name, default_name) == 0};
        snprintf(out->name, sizeof(out->name), "%s", item->ifa_name);
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
                out->flags |= item->ifa_flags & flags[i].from ? flags[i].to : 0;
        if (item->ifa_addr->sa_family == AF_INET) {
                const struct sockaddr_in *mask = (const struct sockaddr_in *)item->ifa_netmask;

                out->length = 4;
                memcpy(out->bytes, &v4->sin_addr, 4);
                out->bits = count_bits((const uint8_t *)&mask->sin_addr, 4);
                return true;
        }
        if (item->ifa_addr->sa_family == AF_INET6) {
                const struct sockaddr_in6 *mask = (const struct sockaddr_in6 *)item->ifa_netmask;

                out->length = 16;
                memcpy(out->bytes, &v6->sin6_addr, 16);
                out->bits = count_bits((const uint8_t *)&mask->sin6_addr, 16);
                return true;
        }
        return false;
}

static int list_entries(struct sockaddr_entry **out, size_t *count)
{
        char default_name[IF_NAMESIZE];
        struct ifaddrs *list;
        size_t size = 0;

        if (getifaddrs(&list) < 0)
                return -errno;
        for (const struct ifaddrs *item = list; item != NULL; item = item->ifa_next)
                size++;
        *out = calloc(size + 1, sizeof(**out));
        *count = 0;
        if (*out == NULL) {
                freeifaddrs(list);
                return -ENOMEM;
        }
        find_default(default_name);
        for (const struct ifaddrs *item = list; item != NULL; item = item->ifa_next)
                *count += fill(item, default_name, &(*out)[*count]);
        freeifaddrs(list);
        return 0;
}

static int expand_one(struct build *build, const char *path, const struct sockaddr_entry *entries,
                      size_t count)
{
        const json_t *found = setting_get(build->merged, path);
        const char *text = json_string_value(found);
        char error[256], *expanded;
        int ret = 0;

        // What is empty is not given.
        if (text != NULL && *text == '\0' && strchr(path, '.') == NULL &&
            strcmp(path, "bind_addr") != 0)
                return json_object_del((json_t *)(uintptr_t)build->merged, path);
        if (text == NULL || strstr(text, "{{") == NULL)
                return 0;
        expanded = sockaddr_template_expand(text, entries, count, error, sizeof(error));
        if (expanded == NULL)
                return lines_add(&build->errors, "%s: error parsing \"%s\": %s", path, text, error);
        if (expanded[strspn(expanded, " ")] == '\0')
                ret = lines_add(&build->errors, "%s: no address of this host fits \"%s\"", path,
                                text);
        // The merged settings belong to the build, which is to see the result everywhere.
        else if (json_string_set((json_t *)(uintptr_t)found, expanded) < 0)
                ret = -ENOMEM;
        free(expanded);
        return ret;
}

static int expand_list(struct build *build, const char *path, const struct sockaddr_entry *entries,
                       size_t count)
{
        const json_t *list = setting_get(build->merged, path);
        char element[64];
        int ret = 0;

        for (size_t i = 0; ret == 0 && i < json_array_size(list); i++) {
                const json_t *item = json_array_get(list, i);
                const char *text = json_string_value(item);
                char error[256], *expanded;

                if (text == NULL || strstr(text, "{{") == NULL)
                        continue;
                snprintf(element, sizeof(element), "%s[%zu]", path, i);
                expanded = sockaddr_template_expand(text, entries, count, error, sizeof(error));
                if (expanded == NULL)
                        ret = lines_add(&build->errors, "%s: error parsing \"%s\": %s", element,
                                        text, error);
                else if (json_string_set((json_t *)(uintptr_t)item, expanded) < 0)
                        ret = -ENOMEM;
                free(expanded);
        }
        return ret;
}

int build_templates(struct build *build)
{
        static const char *const paths[] = {"bind_addr",
                                            "client_addr",
                                            "addresses.dns",
                                            "addresses.http",
                                            "addresses.https",
                                            "addresses.grpc",
                                            "advertise_addr",
                                            "advertise_addr_ipv4",
                                            "advertise_addr_ipv6",
                                            "advertise_addr_wan",
                                            "advertise_addr_wan_ipv4",
                                            "advertise_addr_wan_ipv6",
                                            "serf_lan",
                                            "serf_wan"};
        static const char *const lists[] = {"start_join", "start_join_wan", "retry_join",
                                            "retry_join_wan", "recursors"};
        struct sockaddr_entry *entries = NULL;
        size_t count = 0;
        int ret = list_entries(&entries, &count);

        if (ret < 0)
                return lines_add(&build->errors, "cannot list this host's addresses: %s",
                                 strerror(-ret));
        for (size_t i = 0; ret == 0 && i < sizeof(paths) / sizeof(paths[0]); i++)
                ret = expand_one(build, paths[i], entries, count);
        for (size_t i = 0; ret == 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
                ret = expand_list(build, lists[i], entries, count);
        free(entries);
        return ret;
}
