#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/checks/h2_ping.h"
#include "control/checks/internal.h"
#include "control/checks/stream.h"
#include "lictor/random.h"

// TCP, UDP and HTTP/2 PING: kinds that need a connection and little more.

struct probe {
        struct check_runner *runner;
        struct stream *stream;
        struct h2_ping ping;
};

static struct check_runner *drop(struct probe *probe)
{
        struct check_runner *runner = probe->runner;

        if (probe->stream != NULL)
                stream_close(probe->stream);
        free(probe);
        return runner;
}

static void begin(struct check_runner *runner, stream_event_fn fn, bool is_datagram,
                  const char *protocol)
{
        const struct stream_target target = {
            .address = runner->spec.target,
            .timeout_ms =
                runner->spec.timeout_ms > 0 ? runner->spec.timeout_ms : runner->ops->timeout_ms,
            .is_datagram = is_datagram,
            .use_tls = runner->spec.use_tls && !is_datagram,
            .tls_skip_verify = runner->spec.tls_skip_verify,
            .tls_server_name = runner->spec.tls_server_name,
            .tls_protocol = protocol,
        };
        struct probe *probe = calloc(1, sizeof(*probe));

        if (probe != NULL) {
                probe->runner = runner;
                probe->stream = stream_open(runner->engine->options.loop, &target, fn, probe);
                runner->probe = probe;
        }
        if (probe == NULL || probe->stream == NULL) {
                free(probe);
                check_fail(runner, "out of memory");
        }
}

static void cancel(struct check_runner *runner)
{
        drop(runner->probe);
}

static void succeed(struct probe *probe, const char *what)
{
        struct check_runner *runner = drop(probe);
        char text[CHECK_ERROR_MAX];

        snprintf(text, sizeof(text), "%s connect %.400s: Success", what, runner->spec.target);
        check_finish(runner, CHECK_PASSING, text);
}

static void fail_as(struct probe *probe, const char *error)
{
        char text[CHECK_ERROR_MAX];

        snprintf(text, sizeof(text), "%s", error);
        check_fail(drop(probe), "%s", text);
}

static void expire_dial(struct check_runner *runner)
{
        struct probe *probe = runner->probe;
        const char *peer = stream_peer(probe->stream);
        char text[CHECK_ERROR_MAX];

        snprintf(text, sizeof(text), "dial tcp %.400s: i/o timeout",
                 peer[0] != '\0' ? peer : runner->spec.target);
        fail_as(probe, text);
}

static void on_tcp(void *arg, enum stream_event event, const char *error)
{
        if (event == STREAM_FAILED)
                fail_as(arg, error);
        else
                succeed(arg, "TCP");
}

static void begin_tcp(struct check_runner *runner)
{
        begin(runner, on_tcp, false, NULL);
}

const struct check_ops check_tcp_ops = {
    .name = "tcp",
    .timeout_ms = CHECK_TIMEOUT_MS,
    .begin = begin_tcp,
    .cancel = cancel,
    .expire = expire_dial,
};

static void on_udp(void *arg, enum stream_event event, const char *error)
{
        struct probe *probe = arg;
        char text[CHECK_ERROR_MAX], reason[96], byte;
        ssize_t ret = 0;

        if (event == STREAM_FAILED) {
                fail_as(probe, error);
                return;
        }
        // An empty datagram: what is closed answers with ICMP, what is open with whatever it likes.
        if (event == STREAM_OPEN)
                ret = stream_send(probe->stream, "", 0);
        else
                ret = stream_receive(probe->stream, &byte, 1);
        if (ret == -EAGAIN || (event == STREAM_OPEN && ret == 0))
                return;
        if (ret >= 0) {
                succeed(probe, "UDP");
                return;
        }
        snprintf(text, sizeof(text), "%s udp %.300s: %s: %s",
                 event == STREAM_OPEN ? "write" : "read", stream_peer(probe->stream),
                 event == STREAM_OPEN ? "write" : "read",
                 check_errno_text((int)-ret, reason, sizeof(reason)));
        fail_as(probe, text);
}

static void begin_udp(struct check_runner *runner)
{
        begin(runner, on_udp, true, NULL);
}

// Silence is not refusal.
static void expire_udp(struct check_runner *runner)
{
        struct probe *probe = runner->probe;

        if (stream_peer(probe->stream)[0] != '\0')
                succeed(probe, "UDP");
        else
                expire_dial(runner);
}

const struct check_ops check_udp_ops = {
    .name = "udp",
    .timeout_ms = CHECK_TIMEOUT_MS,
    .begin = begin_udp,
    .cancel = cancel,
    .expire = expire_udp,
};

static void send_hello(struct probe *probe)
{
        uint64_t random = random_next(&probe->runner->engine->random);
        uint8_t hello[H2_HELLO_LEN], payload[8];

        for (unsigned i = 0; i < sizeof(payload); i++)
                payload[i] = (uint8_t)(random >> (8 * i));
        h2_ping_init(&probe->ping, payload, hello);
        if (stream_send(probe->stream, hello, sizeof(hello)) < 0)
                fail_as(probe, "Failed to create client connection: write: broken pipe");
}

// returns whether to read on.
static bool take_event(struct probe *probe, enum h2_ping_event event)
{
        uint8_t ack[H2_ACK_LEN];

        switch (event) {
        case H2_PING_WAIT:
                return true;
        case H2_PING_SETTINGS:
                h2_settings_ack(ack);
                if (stream_send(probe->stream, ack, sizeof(ack)) == 0)
                        return true;
                fail_as(probe, "HTTP2 ping failed: write: broken pipe");
                return false;
        case H2_PING_ANSWERED:
                check_finish(drop(probe), CHECK_PASSING, "HTTP2 ping was successful");
                return false;
        case H2_PING_REFUSED:
                fail_as(probe, "HTTP2 ping failed: http2: server sent GOAWAY and closed the "
                               "connection");
                return false;
        case H2_PING_BROKEN:
                fail_as(probe, "HTTP2 ping failed: the server does not speak HTTP/2");
                return false;
        }
        return false;
}

static void read_frames(struct probe *probe)
{
        uint8_t bytes[4096];
        char text[160], reason[96];
        ssize_t got;

        while ((got = stream_receive(probe->stream, bytes, sizeof(bytes))) > 0) {
                size_t at = 0, used;

                while (at < (size_t)got) {
                        enum h2_ping_event event =
                            h2_ping_take(&probe->ping, bytes + at, (size_t)got - at, &used);

                        at += used;
                        if (!take_event(probe, event))
                                return;
                }
        }
        if (got == -EAGAIN)
                return;
        snprintf(text, sizeof(text), "HTTP2 ping failed: %s",
                 got == 0 ? "EOF" : check_errno_text((int)-got, reason, sizeof(reason)));
        fail_as(probe, text);
}

static void on_h2(void *arg, enum stream_event event, const char *error)
{
        struct probe *probe = arg;
        char text[CHECK_ERROR_MAX];

        if (event == STREAM_OPEN) {
                send_hello(probe);
        } else if (event == STREAM_READABLE) {
                read_frames(probe);
        } else {
                snprintf(text, sizeof(text), "Failed to dial to %.150s: %.300s",
                         probe->runner->spec.target, error);
                fail_as(probe, text);
        }
}

static void begin_h2ping(struct check_runner *runner)
{
        begin(runner, on_h2, false, "h2");
}

static void expire_h2ping(struct check_runner *runner)
{
        fail_as(runner->probe, "HTTP2 ping failed: context deadline exceeded");
}

const struct check_ops check_h2ping_ops = {
    .name = "h2ping",
    .timeout_ms = CHECK_TIMEOUT_MS,
    .begin = begin_h2ping,
    .cancel = cancel,
    .expire = expire_h2ping,
};
