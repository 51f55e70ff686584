#include <criterion/criterion.h>

#include "dataplane/port/vhost_device.h"
#include "lictor/bytes.h"

static const struct {
        const char *text, *path;
        unsigned number, queue_count;
        bool is_client;
} ours[] = {
    {"net_vhost0,iface=/run/v.sock", "/run/v.sock", 0, 1, false},
    {"net_vhost17,iface=v,queues=8", "v", 17, 8, false},
    {"net_vhost255,client=1,queues=64,iface=a=b", "a=b", 255, 64, true},
    {"net_vhost0,iface=v,client=0", "v", 0, 1, false},
};

static const char *const others[] = {
    "",
    "net_vhost",
    "net_vhost0",
    "net_vhost0,",
    "net_vhost0,iface=",
    "net_vhost0,queues=1",
    "net_vhostx,iface=v",
    "net_vhost256,iface=v",
    "eth_vhost0,iface=v",
    "net_virtio_user0,path=v",
    "net_tap0,iface=v",
    "0000:03:00.0",
    "net_vhost0,iface=v,",
    "net_vhost0,iface=v,queues=0",
    "net_vhost0,iface=v,queues=65",
    "net_vhost0,iface=v,queues=",
    "net_vhost0,iface=v,queues=1x",
    "net_vhost0,iface=v,queues=99999999999",
    "net_vhost0,iface=v,client=2",
    "net_vhost0,iface=v,client",
    "net_vhost0,iface=v,tso=0",
    "net_vhost0,iface=v,linear-buffer=1",
    "net_vhost0,iface=v,queuesx=1",
    "net_vhost0,iface=v iommu-support=1,tso=1",
};

Test(vhost_device, plain_devices_are_served_by_our_driver)
{
        for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
                struct vhost_device d;

                cr_assert(vhost_device_parse(ours[i].text, &d), "%s", ours[i].text);
                cr_expect_str_eq(d.path, ours[i].path, "%s", ours[i].text);
                cr_expect_eq(d.number, ours[i].number, "%s", ours[i].text);
                cr_expect_eq(d.queue_count, ours[i].queue_count, "%s", ours[i].text);
                cr_expect_eq(d.is_client, ours[i].is_client, "%s", ours[i].text);
        }
}

Test(vhost_device, whatever_else_is_said_is_left_to_dpdk)
{
        struct vhost_device d;

        for (size_t i = 0; i < ARRAY_LEN(others); i++)
                cr_expect_not(vhost_device_parse(others[i], &d), "%s", others[i]);
}

Test(vhost_device, a_path_longer_than_a_socket_address_is_left_to_dpdk)
{
        char text[256] = "net_vhost0,iface=";
        const size_t prefix = strlen(text);
        struct vhost_device d;

        memset(text + prefix, 'p', VHOST_PATH_MAX - 1);
        cr_expect(vhost_device_parse(text, &d));
        text[prefix + VHOST_PATH_MAX - 1] = 'p';
        cr_expect_not(vhost_device_parse(text, &d));
}
