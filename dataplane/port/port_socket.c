#include "dataplane/port/port_socket.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lictor/bytes.h"

// Slots are not a power of two apart, or the first lines of all would compete for one cache set.
#define SLOT_STRIDE (65536u + 320u)

// What the kernel may hold while a worker is not scheduled: some 10,000 queries.
#define RECEIVE_BUFFER_BYTES (8 << 20)

static_assert(CMSG_SPACE(sizeof(struct in6_pktinfo)) <= PORT_CONTROL_MAX, "control data fits");
static_assert(SOCKET_MESSAGE_MAX <= SLOT_STRIDE, "the largest datagram fits a slot");

struct socket_slot {
        struct sockaddr_storage name;
        _Alignas(struct cmsghdr) uint8_t control[PORT_CONTROL_MAX];
};

struct socket_queue {
        struct port_queue base;
        int fd;
        bool any_address;     // answers must name the address that was asked
        unsigned dirty_count; // received headers the kernel has written to
        uint8_t *buffers;
        struct mmsghdr received[PORT_BURST_MAX];
        struct mmsghdr sent[PORT_BURST_MAX];
        struct iovec receive_vectors[PORT_BURST_MAX];
        struct iovec send_vectors[PORT_BURST_MAX];
        struct socket_slot slots[PORT_BURST_MAX];
};

static struct socket_queue *socket_of(struct port_queue *q)
{
        return (struct socket_queue *)q;
}

// The route back is for the kernel to choose, so only link-local answers keep their interface.
static void forget_interface(struct msghdr *header)
{
        struct cmsghdr *c = CMSG_FIRSTHDR(header);

        if (c == NULL)
                return;
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                ((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_ifindex = 0;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
                struct in6_pktinfo *info = (struct in6_pktinfo *)(void *)CMSG_DATA(c);

                if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
                        info->ipi6_ifindex = 0;
        }
}

static unsigned socket_receive(struct port_queue *q, struct port_packet packets[], unsigned n)
{
        struct socket_queue *s = socket_of(q);
        int received;

        for (unsigned i = 0; i < s->dirty_count; i++) {
                s->received[i].msg_hdr.msg_namelen = sizeof(s->slots[i].name);
                s->received[i].msg_hdr.msg_controllen = s->any_address ? PORT_CONTROL_MAX : 0;
        }
        s->dirty_count = 0;
        received = recvmmsg(s->fd, s->received, n, MSG_WAITFORONE, NULL);
        if (received <= 0)
                return 0;
        s->dirty_count = (unsigned)received;
        // Once woken for good the kernel makes up empty messages, which are from nobody.
        while (received > 0 && s->received[received - 1].msg_hdr.msg_namelen == 0)
                received--;
        for (int i = 0; i < received; i++) {
                if (s->any_address)
                        forget_interface(&s->received[i].msg_hdr);
                packets[i] = (struct port_packet){
                    .data = s->buffers + (size_t)i * SLOT_STRIDE,
                    .handle = &s->received[i].msg_hdr,
                    .length = (uint16_t)s->received[i].msg_len,
                    .capacity = SOCKET_MESSAGE_MAX,
                };
        }
        return (unsigned)received;
}

static unsigned socket_send(struct port_queue *q, const struct port_packet take_packets[],
                            unsigned n)
{
        struct socket_queue *s = socket_of(q);
        unsigned sent_count = 0;

        for (unsigned i = 0; i < n; i++) {
                const struct msghdr *from = take_packets[i].handle;
                struct msghdr *to = &s->sent[i].msg_hdr;

                to->msg_name = from->msg_name;
                to->msg_namelen = from->msg_namelen;
                to->msg_control = from->msg_control;
                to->msg_controllen = from->msg_controllen;
                s->send_vectors[i].iov_base = take_packets[i].data;
                s->send_vectors[i].iov_len = take_packets[i].length;
        }
        for (unsigned next = 0; next < n;) {
                int sent = sendmmsg(s->fd, &s->sent[next], n - next, MSG_DONTWAIT);

                if (sent > 0) {
                        sent_count += (unsigned)sent;
                        next += (unsigned)sent;
                } else {
                        next++; // one the kernel refuses must not hold up the others
                }
        }
        return sent_count;
}

static void socket_drop(struct port_queue *q, const struct port_packet take_packets[], unsigned n)
{
        // Slots belong to the queue and are used again by the next receive.
        (void)q;
        (void)take_packets;
        (void)n;
}

static bool socket_retain(struct port_queue *q, const struct port_packet *packet,
                          struct port_retained *slot)
{
        const struct msghdr *header = packet->handle;

        (void)q;
        if (packet->length > slot->buffer_size)
                return false;
        slot->packet = *packet;
        slot->packet.data = slot->buffer;
        slot->packet.handle = NULL;
        if (slot->packet.capacity > slot->buffer_size)
                slot->packet.capacity = (uint16_t)slot->buffer_size;
        memcpy(slot->buffer, packet->data, packet->length);
        slot->client_length = header->msg_namelen;
        memcpy(&slot->client, header->msg_name, header->msg_namelen);
        slot->control_length = (uint16_t)header->msg_controllen;
        if (slot->control_length > 0)
                memcpy(slot->control, header->msg_control, slot->control_length);
        return true;
}

static bool socket_send_retained(struct port_queue *q, const struct port_retained *slot)
{
        struct iovec vector = {.iov_base = slot->packet.data, .iov_len = slot->packet.length};
        struct msghdr header = {
            .msg_name = (void *)&slot->client,
            .msg_namelen = slot->client_length,
            .msg_iov = &vector,
            .msg_iovlen = 1,
            .msg_control = slot->control_length > 0 ? (void *)slot->control : NULL,
            .msg_controllen = slot->control_length,
        };

        return sendmsg(socket_of(q)->fd, &header, MSG_DONTWAIT) >= 0;
}

static void socket_drop_retained(struct port_queue *q, const struct port_retained *slot)
{
        (void)q;
        (void)slot;
}

static void socket_wake(struct port_queue *q)
{
        // Says ENOTCONN for UDP, and yet ends a receive that sleeps and all later ones.
        (void)shutdown(socket_of(q)->fd, SHUT_RDWR);
}

static const struct port_operations socket_operations = {
    .receive = socket_receive,
    .send = socket_send,
    .drop = socket_drop,
    .retain = socket_retain,
    .send_retained = socket_send_retained,
    .drop_retained = socket_drop_retained,
    .wake = socket_wake,
};

static socklen_t address_length(const struct sockaddr_storage *address)
{
        return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                              : sizeof(struct sockaddr_in);
}

static bool is_any_address(const struct sockaddr_storage *address)
{
        if (address->ss_family == AF_INET6)
                return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
        return ((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

static int set_option(int fd, int level, int name, int value)
{
        return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_options(int fd, const struct sockaddr_storage *address, bool dual_stack)
{
        bool ipv6 = address->ss_family == AF_INET6;
        struct timeval second = {.tv_sec = 1};
        int ret = 0;

        if (ipv6)
                ret = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual_stack);
        if (ret == 0 && is_any_address(address))
                ret = ipv6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                           : set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
        if (ret < 0)
                return ret;
        // The rest is for the better; a kernel that refuses one serves all the same. Answers above
        // the path MTU are fragmented by the interface's, so that nobody can spoof it small.
        if (ipv6)
                (void)set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
        else
                (void)set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
        if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES) < 0)
                (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_BYTES);
        if (set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, RECEIVE_BUFFER_BYTES) < 0)
                (void)set_option(fd, SOL_SOCKET, SO_SNDBUF, RECEIVE_BUFFER_BYTES);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
        return 0;
}

static int open_bound(const struct sockaddr_storage *address, bool dual_stack, bool shared)
{
        int fd, ret;

        fd = socket(address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        ret = set_options(fd, address, dual_stack);
        if (ret == 0 && shared)
                ret = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        if (ret == 0 && bind(fd, (const struct sockaddr *)address, address_length(address)) < 0)
                ret = -errno;
        if (ret < 0) {
                close(fd);
                return ret;
        }
        return fd;
}

static void preset_headers(struct socket_queue *s)
{
        for (unsigned i = 0; i < PORT_BURST_MAX; i++) {
                struct msghdr *in = &s->received[i].msg_hdr;

                s->receive_vectors[i].iov_base = s->buffers + (size_t)i * SLOT_STRIDE;
                s->receive_vectors[i].iov_len = SOCKET_MESSAGE_MAX;
                in->msg_name = &s->slots[i].name;
                in->msg_iov = &s->receive_vectors[i];
                in->msg_iovlen = 1;
                in->msg_control = s->any_address ? s->slots[i].control : NULL;
                s->sent[i].msg_hdr.msg_iov = &s->send_vectors[i];
                s->sent[i].msg_hdr.msg_iovlen = 1;
        }
        s->dirty_count = PORT_BURST_MAX;
}

static int queue_create(int take_fd, bool any_address, struct port_queue **out)
{
        struct socket_queue *s = calloc(1, sizeof(*s));
        void *buffers;

        buffers = mmap(NULL, (size_t)PORT_BURST_MAX * SLOT_STRIDE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (s == NULL || buffers == MAP_FAILED) {
                if (buffers != MAP_FAILED)
                        munmap(buffers, (size_t)PORT_BURST_MAX * SLOT_STRIDE);
                free(s);
                close(take_fd);
                return -ENOMEM;
        }
        s->base.operations = &socket_operations;
        s->base.blocks = true;
        s->base.replies_from_anyone = true;
        s->fd = take_fd;
        s->any_address = any_address;
        s->buffers = buffers;
        preset_headers(s);
        *out = &s->base;
        return 0;
}

void socket_queue_destroy(struct port_queue *take_queue)
{
        struct socket_queue *s = socket_of(take_queue);

        if (take_queue == NULL)
                return;
        close(s->fd);
        munmap(s->buffers, (size_t)PORT_BURST_MAX * SLOT_STRIDE);
        free(s);
}

int socket_queue_address(const struct port_queue *queue, struct sockaddr_storage *out)
{
        const struct socket_queue *s = (const struct socket_queue *)queue;
        socklen_t length = sizeof(*out);

        memset(out, 0, sizeof(*out));
        return getsockname(s->fd, (struct sockaddr *)out, &length) < 0 ? -errno : 0;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
        return address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                              : ((const struct sockaddr_in *)address)->sin_port;
}

int socket_port_open(const struct sockaddr_storage *address, bool dual_stack,
                     struct port_queue *out[], size_t count)
{
        struct sockaddr_storage bound = *address;
        size_t made = 0;
        int fd, ret;

        // SO_REUSEPORT would share the port with anyone of our user who asks the same: find them
        // by binding without it first.
        if (count > 1 && port_of(address) != 0) {
                fd = open_bound(address, dual_stack, false);
                if (fd < 0)
                        return fd;
                close(fd);
        }
        for (; made < count; made++) {
                fd = open_bound(&bound, dual_stack, count > 1);
                ret = fd < 0 ? fd : queue_create(fd, is_any_address(address), &out[made]);
                if (ret < 0)
                        goto destroy;
                ret = socket_queue_address(out[made], &bound);
                if (ret < 0) {
                        made++;
                        goto destroy;
                }
        }
        return 0;
destroy:
        while (made > 0)
                socket_queue_destroy(out[--made]);
        return ret;
}
