#include "dataplane/port/kernel_interface.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// One request: a header, its body, and the few attributes ours have.
struct netlink_request {
        struct nlmsghdr header;
        union {
                struct ifinfomsg link;
                struct ifaddrmsg address;
                struct rtmsg route;
        } body;
        uint8_t attributes[128];
};

static void request_init(struct netlink_request *r, uint16_t type, uint16_t flags, size_t body)
{
        memset(r, 0, sizeof(*r));
        r->header.nlmsg_type = type;
        r->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
        r->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
}

static void add_attribute(struct netlink_request *r, uint16_t type, const void *value,
                          size_t length)
{
        struct rtattr *a = (void *)((uint8_t *)r + NLMSG_ALIGN(r->header.nlmsg_len));

        a->rta_type = type;
        a->rta_len = (uint16_t)RTA_LENGTH(length);
        memcpy(RTA_DATA(a), value, length);
        r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static int exchange(const struct netlink_request *r)
{
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
                uint8_t rest[512];
        } answer;
        ssize_t length;
        int fd, ret = 0;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0)
                return -errno;
        if (send(fd, r, r->header.nlmsg_len, 0) < 0) {
                ret = -errno;
                goto out;
        }
        length = recv(fd, &answer, sizeof(answer), 0);
        if (length < 0)
                ret = -errno;
        else if ((size_t)length < NLMSG_LENGTH(sizeof(answer.error)) ||
                 answer.header.nlmsg_type != NLMSG_ERROR)
                ret = -EPROTO;
        else
                ret = answer.error.error;
out:
        close(fd);
        return ret;
}

static uint8_t family_of(const struct net_address *address)
{
        return address->family == 4 ? AF_INET : AF_INET6;
}

static size_t length_of(const struct net_address *address)
{
        return address->family == 4 ? 4 : 16;
}

int kernel_interface_up(const char *name, uint16_t mtu)
{
        struct netlink_request r;
        uint32_t value = mtu;

        request_init(&r, RTM_NEWLINK, 0, sizeof(r.body.link));
        r.body.link.ifi_family = AF_UNSPEC;
        r.body.link.ifi_index = (int)if_nametoindex(name);
        r.body.link.ifi_flags = IFF_UP;
        r.body.link.ifi_change = IFF_UP;
        add_attribute(&r, IFLA_MTU, &value, sizeof(value));
        return exchange(&r);
}

int kernel_interface_add_address(const char *name, const struct net_address *address)
{
        struct netlink_request r;
        int ret;

        request_init(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(r.body.address));
        r.body.address.ifa_family = family_of(address);
        r.body.address.ifa_prefixlen = address->prefix_length;
        // The fast path answers for the address from the start; nothing is to be detected.
        r.body.address.ifa_flags = address->family == 6 ? IFA_F_NODAD : 0;
        r.body.address.ifa_index = if_nametoindex(name);
        add_attribute(&r, IFA_LOCAL, address->bytes, length_of(address));
        add_attribute(&r, IFA_ADDRESS, address->bytes, length_of(address));
        ret = exchange(&r);
        return ret == -EEXIST ? 0 : ret;
}

int kernel_interface_add_gateway(const char *name, const struct net_address *gateway)
{
        struct netlink_request r;
        uint32_t interface = if_nametoindex(name), metric = KERNEL_INTERFACE_GATEWAY_METRIC;

        request_init(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof(r.body.route));
        r.body.route.rtm_family = family_of(gateway);
        r.body.route.rtm_table = RT_TABLE_MAIN;
        r.body.route.rtm_protocol = RTPROT_STATIC;
        r.body.route.rtm_scope = RT_SCOPE_UNIVERSE;
        r.body.route.rtm_type = RTN_UNICAST;
        add_attribute(&r, RTA_GATEWAY, gateway->bytes, length_of(gateway));
        add_attribute(&r, RTA_OIF, &interface, sizeof(interface));
        add_attribute(&r, RTA_PRIORITY, &metric, sizeof(metric));
        return exchange(&r);
}
