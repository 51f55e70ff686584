#include "dataplane/port/exception.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dataplane/port/kernel_interface.h"

static int check_tun_device(const char *name, const struct port_error *error)
{
        struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
        int fd, ret;

        if (strlen(name) >= IFNAMSIZ || strpbrk(name, ",/ ") != NULL || name[0] == '\0')
                return port_fail(error, -EINVAL,
                                 "dataplane: exception \"%s\" is no interface name: at most %d "
                                 "characters, no comma, slash or space",
                                 name, IFNAMSIZ - 1);
        if (if_nametoindex(name) != 0)
                return port_fail(error, -EEXIST,
                                 "dataplane: exception interface %s exists already; remove it (ip "
                                 "link delete %s) or name another",
                                 name, name);
        fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        if (fd < 0)
                return port_fail(error, -errno,
                                 "dataplane: exception %s: /dev/net/tun: %s; load the module "
                                 "(modprobe tun) and run with CAP_NET_ADMIN",
                                 name, strerror(errno));
        // Made and, with the descriptor, gone again: net_tap would not say what it may not do.
        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        ret = ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : 0;
        close(fd);
        if (ret < 0)
                return port_fail(error, ret,
                                 "dataplane: exception %s: cannot make the interface: %s; run as "
                                 "root or with CAP_NET_ADMIN",
                                 name, strerror(-ret));
        return 0;
}

static int configure(const struct exception_config *c, const struct port_error *error)
{
        const char *name = c->interface_name;
        int ret = kernel_interface_up(name, c->mtu);

        if (ret < 0)
                return port_fail(error, ret, "dataplane: exception %s: cannot bring it up: %s",
                                 name, strerror(-ret));
        for (size_t i = 0; i < c->address_count; i++) {
                ret = kernel_interface_add_address(name, &c->addresses[i]);
                if (ret < 0)
                        return port_fail(error, ret,
                                         "dataplane: exception %s: cannot give it address %zu of "
                                         "its port: %s",
                                         name, i, strerror(-ret));
        }
        if (c->gateway == NULL)
                return 0;
        ret = kernel_interface_add_gateway(name, c->gateway);
        if (ret == -EEXIST)
                return port_fail(error, ret,
                                 "dataplane: exception %s: there is a default route of metric %u "
                                 "already; leave out \"gateway\" or delete that route",
                                 name, KERNEL_INTERFACE_GATEWAY_METRIC);
        if (ret < 0)
                return port_fail(error, ret,
                                 "dataplane: exception %s: cannot route by its gateway: %s; it "
                                 "must be inside one of the port's prefixes",
                                 name, strerror(-ret));
        return 0;
}

int exception_open(const struct exception_config *config, struct ethdev_port **out,
                   const struct port_error *error)
{
        const uint8_t *mac = config->mac;
        char device[128];
        struct ethdev_config tap = {
            .device = device,
            .queue_count = config->queue_count,
            .pools = config->pools,
            .forwards = true,
            .copies = config->pools == NULL,
        };
        struct sigaction action;
        int ret;

        ret = check_tun_device(config->interface_name, error);
        if (ret < 0)
                return ret;
        // net_tap is told of packets by queued signals; when the queue overflows the kernel sends
        // a plain SIGIO, whose default would end the process.
        if (sigaction(SIGIO, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
                (void)signal(SIGIO, SIG_IGN);
        snprintf(device, sizeof(device), "net_tap_%s,iface=%s,mac=%02x:%02x:%02x:%02x:%02x:%02x",
                 config->interface_name, config->interface_name, mac[0], mac[1], mac[2], mac[3],
                 mac[4], mac[5]);
        ret = ethdev_port_open(&tap, out, error);
        if (ret < 0)
                return ret;
        ret = configure(config, error);
        if (ret < 0) {
                ethdev_port_close(*out);
                *out = NULL;
        }
        return ret;
}
