// The kernel's share of a DNS server's work: receive a batch, set the QR bit, send it back. What
// bench/socket measures with it is the limit for any server that uses these system calls.

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH         32
#define MESSAGE_BYTES 512

static uint8_t data[BATCH][MESSAGE_BYTES];
static struct sockaddr_in from[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static void prepare(void)
{
        for (int i = 0; i < BATCH; i++) {
                vectors[i] = (struct iovec){.iov_base = data[i], .iov_len = MESSAGE_BYTES};
                messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                                      .msg_namelen = sizeof(from[i]),
                                                      .msg_iov = &vectors[i],
                                                      .msg_iovlen = 1};
        }
}

static int serve(int fd)
{
        for (;;) {
                int n, sent = 0;

                prepare();
                n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
                if (n < 0)
                        return errno == EINTR ? 0 : -errno;
                for (int i = 0; i < n; i++) {
                        vectors[i].iov_len = messages[i].msg_len;
                        data[i][2] |= 0x80;
                }
                while (sent < n) {
                        int count = sendmmsg(fd, messages + sent, (unsigned)(n - sent), 0);

                        // A client that went away must not end the others' service.
                        sent += count > 0 ? count : 1;
                }
        }
}

int main(int argc, char **argv)
{
        struct sockaddr_in address = {.sin_family = AF_INET};
        int fd, ret;

        if (argc != 2) {
                fprintf(stderr, "usage: %s PORT\n", argv[0]);
                return 2;
        }
        address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
                perror("udp_echo");
                return 1;
        }
        ret = serve(fd);
        fprintf(stderr, "udp_echo: %s\n", strerror(-ret));
        close(fd);
        return 1;
}
