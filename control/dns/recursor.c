#include "control/dns/recursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/dns/dns_wire.h"
#include "lictor/bytes.h"

#define MESSAGE_MAX 65535u
#define PREFIX      2u // RFC 1035, 4.2.2

struct recursor {
        uv_loop_t *loop;
        struct sockaddr_storage *servers;
        size_t server_count;
        uint64_t timeout_ms;
        bool random_order;
        bool destroyed;
        unsigned call_count;
        unsigned handle_count; // open, of attempts
        struct recursor_stats stats;
};

// One server being asked. Outlives its call until the loop has closed its handles.
struct attempt {
        struct recursor *recursor;
        struct recursor_call *call; // NULL once it is settled
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_udp_t udp;
                uv_tcp_t tcp;
        } socket;
        uv_timer_t timer;
        uv_connect_t connect;
        uv_write_t write;
        unsigned open_count;
        uint8_t *input; // with its length before it over TCP
        size_t input_len;
        uint8_t *output; // the query, with its length before it
        size_t output_len;
};

struct recursor_call {
        struct recursor *recursor;
        struct attempt *attempt;
        recursor_done_fn done;
        void *arg;
        size_t first; // the server that was asked first
        size_t tried;
        bool tcp;
        bool tcp_now; // the same server again, over TCP
        bool complete;
        uint16_t id; // of the attempt
        size_t len;
        uint8_t query[];
};

static void try_next(struct recursor_call *call);

static void release(struct recursor *recursor)
{
        if (!recursor->destroyed || recursor->handle_count > 0)
                return;
        free(recursor->servers);
        free(recursor);
}

static void on_closed(uv_handle_t *handle)
{
        struct attempt *attempt = handle->data;
        struct recursor *recursor = attempt->recursor;

        if (--attempt->open_count > 0)
                return;
        recursor->handle_count--;
        free(attempt->input);
        free(attempt->output);
        free(attempt);
        release(recursor);
}

static void close_attempt(struct attempt *attempt)
{
        if (attempt == NULL || attempt->call == NULL)
                return;
        attempt->call->attempt = NULL;
        attempt->call = NULL;
        uv_close(&attempt->socket.handle, on_closed);
        uv_close((uv_handle_t *)&attempt->timer, on_closed);
}

static void end_call(struct recursor_call *call, const uint8_t *answer, size_t len)
{
        struct recursor *recursor = call->recursor;
        recursor_done_fn done = call->done;
        void *arg = call->arg;

        recursor->call_count--;
        if (answer != NULL)
                recursor->stats.answered++;
        else
                recursor->stats.failed++;
        free(call);
        done(arg, answer, len);
}

static size_t question_len(const uint8_t *query, size_t len)
{
        size_t at = DNS_HEADER_LENGTH;

        while (at < len && query[at] != 0 && query[at] <= DNS_LABEL_MAX)
                at += query[at] + 1u;
        return at + 5 <= len && query[at] == 0 ? at + 5 - DNS_HEADER_LENGTH : 0;
}

// Whether a message answers the call's question: whoever forges one has to guess port and id.
static bool is_answer(const struct recursor_call *call, const uint8_t *message, size_t len)
{
        size_t question = question_len(call->query, call->len);

        if (len < DNS_HEADER_LENGTH + question || load_be16(message) != call->id ||
            (load_be16(message + 2) & DNS_FLAG_QR) == 0 || load_be16(message + 4) != 1)
                return false;
        for (size_t i = DNS_HEADER_LENGTH; i < DNS_HEADER_LENGTH + question; i++) {
                uint8_t a = message[i], b = call->query[i];

                if (a != b && ((a | 0x20) != (b | 0x20) || (a | 0x20) < 'a' || (a | 0x20) > 'z'))
                        return false;
        }
        return true;
}

static bool is_wanted(const uint8_t *message)
{
        unsigned rcode = load_be16(message + 2) & 15u;

        return rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN;
}

// A whole message has come from the server.
static void take_answer(struct attempt *attempt, uint8_t *message, size_t len)
{
        struct recursor_call *call = attempt->call;

        if (!is_wanted(message)) {
                try_next(call);
                return;
        }
        if (call->complete && !call->tcp && !call->tcp_now &&
            (load_be16(message + 2) & DNS_FLAG_TC) != 0) {
                call->tcp_now = true;
                call->tried--;
                try_next(call);
                return;
        }
        memcpy(message, call->query, 2);
        close_attempt(attempt);
        end_call(call, message, len);
}

static void on_timeout(uv_timer_t *timer)
{
        struct attempt *attempt = timer->data;

        if (attempt->call != NULL)
                try_next(attempt->call);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct attempt *attempt = handle->data;

        (void)suggested;
        *out = uv_buf_init((char *)attempt->input + attempt->input_len,
                           (unsigned)(PREFIX + MESSAGE_MAX - attempt->input_len));
}

static void on_datagram(uv_udp_t *handle, ssize_t count, const uv_buf_t *buffer,
                        const struct sockaddr *from, unsigned flags)
{
        struct attempt *attempt = handle->data;
        uint8_t *message = (uint8_t *)buffer->base;

        (void)flags;
        if (attempt->call == NULL || (count == 0 && from == NULL))
                return;
        if (count < 0)
                try_next(attempt->call);
        else if (is_answer(attempt->call, message, (size_t)count))
                take_answer(attempt, message, (size_t)count);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct attempt *attempt = stream->data;
        size_t len;

        (void)buffer;
        if (attempt->call == NULL)
                return;
        if (count < 0) {
                try_next(attempt->call);
                return;
        }
        attempt->input_len += (size_t)count;
        if (attempt->input_len < PREFIX)
                return;
        len = load_be16(attempt->input);
        if (attempt->input_len < PREFIX + len)
                return;
        if (is_answer(attempt->call, attempt->input + PREFIX, len))
                take_answer(attempt, attempt->input + PREFIX, len);
        else
                try_next(attempt->call);
}

static void on_written(uv_write_t *request, int status)
{
        struct attempt *attempt = request->data;

        if (status < 0 && attempt->call != NULL)
                try_next(attempt->call);
}

static void on_connected(uv_connect_t *request, int status)
{
        struct attempt *attempt = request->data;
        uv_buf_t query = uv_buf_init((char *)attempt->output, (unsigned)attempt->output_len);

        if (attempt->call == NULL)
                return;
        attempt->write.data = attempt;
        if (status < 0 ||
            uv_write(&attempt->write, &attempt->socket.stream, &query, 1, on_written) < 0 ||
            uv_read_start(&attempt->socket.stream, on_alloc, on_read) < 0)
                try_next(attempt->call);
}

static int send_udp(struct attempt *attempt, const struct sockaddr *server)
{
        uv_buf_t query =
            uv_buf_init((char *)attempt->output + PREFIX, (unsigned)attempt->output_len - PREFIX);
        // Connected, so that only the server is heard, and heard of when it is not there.
        int ret = uv_udp_connect(&attempt->socket.udp, server);

        if (ret == 0)
                ret = uv_udp_recv_start(&attempt->socket.udp, on_alloc, on_datagram);
        if (ret == 0)
                ret = uv_udp_try_send(&attempt->socket.udp, &query, 1, NULL);
        return ret < 0 ? ret : 0;
}

static struct attempt *create_attempt(struct recursor_call *call)
{
        struct attempt *attempt = calloc(1, sizeof(*attempt));

        if (attempt == NULL)
                return NULL;
        attempt->recursor = call->recursor;
        attempt->input = malloc(PREFIX + MESSAGE_MAX);
        attempt->output_len = PREFIX + call->len;
        attempt->output = malloc(attempt->output_len);
        if (attempt->input == NULL || attempt->output == NULL ||
            getrandom(&call->id, sizeof(call->id), 0) != sizeof(call->id)) {
                free(attempt->input);
                free(attempt->output);
                free(attempt);
                return NULL;
        }
        store_be16(attempt->output, (uint16_t)call->len);
        memcpy(attempt->output + PREFIX, call->query, call->len);
        store_be16(attempt->output + PREFIX, call->id);
        return attempt;
}

static int start_attempt(struct recursor_call *call, const struct sockaddr *server)
{
        struct recursor *recursor = call->recursor;
        struct attempt *attempt = create_attempt(call);
        bool tcp = call->tcp || call->tcp_now;
        int ret;

        if (attempt == NULL)
                return -ENOMEM;
        ret = tcp ? uv_tcp_init(recursor->loop, &attempt->socket.tcp)
                  : uv_udp_init(recursor->loop, &attempt->socket.udp);
        if (ret < 0) {
                free(attempt->input);
                free(attempt->output);
                free(attempt);
                return ret;
        }
        uv_timer_init(recursor->loop, &attempt->timer);
        attempt->socket.handle.data = attempt->timer.data = attempt->connect.data = attempt;
        attempt->open_count = 2;
        attempt->call = call;
        recursor->handle_count++;
        call->attempt = attempt;
        uv_timer_start(&attempt->timer, on_timeout, recursor->timeout_ms, 0);
        ret = tcp ? uv_tcp_connect(&attempt->connect, &attempt->socket.tcp, server, on_connected)
                  : send_udp(attempt, server);
        if (ret < 0)
                // As if it had not answered, so that nobody is told from inside recursor_ask.
                uv_timer_start(&attempt->timer, on_timeout, 0, 0);
        return 0;
}

static void try_next(struct recursor_call *call)
{
        struct recursor *recursor = call->recursor;

        close_attempt(call->attempt);
        while (call->tried < recursor->server_count) {
                size_t i = (call->first + call->tried++) % recursor->server_count;

                if (start_attempt(call, (const struct sockaddr *)&recursor->servers[i]) == 0)
                        return;
        }
        end_call(call, NULL, 0);
}

struct recursor_call *recursor_ask(struct recursor *recursor, const uint8_t *query, size_t len,
                                   bool tcp, bool complete, recursor_done_fn done, void *arg)
{
        struct recursor_call *call;
        uint32_t random = 0;

        if (recursor->call_count >= RECURSOR_CALL_MAX || recursor->server_count == 0 ||
            len > MESSAGE_MAX) {
                recursor->stats.refused++;
                return NULL;
        }
        call = malloc(sizeof(*call) + len);
        if (call == NULL)
                return NULL;
        *call = (struct recursor_call){.recursor = recursor,
                                       .done = done,
                                       .arg = arg,
                                       .tcp = tcp,
                                       .complete = complete,
                                       .len = len};
        memcpy(call->query, query, len);
        if (recursor->random_order && getrandom(&random, sizeof(random), 0) == sizeof(random))
                call->first = random % recursor->server_count;
        while (call->tried < recursor->server_count) {
                size_t i = (call->first + call->tried++) % recursor->server_count;

                if (start_attempt(call, (const struct sockaddr *)&recursor->servers[i]) == 0) {
                        recursor->call_count++;
                        recursor->stats.asked++;
                        return call;
                }
        }
        free(call);
        return NULL;
}

void recursor_cancel(struct recursor_call *take_call)
{
        if (take_call == NULL)
                return;
        close_attempt(take_call->attempt);
        take_call->recursor->call_count--;
        free(take_call);
}

int recursor_configure(struct recursor *recursor, const struct recursor_config *config)
{
        size_t size = config->server_count * sizeof(*config->servers);
        struct sockaddr_storage *servers = malloc(size + 1);

        if (servers == NULL)
                return -ENOMEM;
        if (size > 0)
                memcpy(servers, config->servers, size);
        free(recursor->servers);
        recursor->servers = servers;
        recursor->server_count = config->server_count;
        recursor->timeout_ms = config->timeout_ms;
        recursor->random_order = config->random_order;
        return 0;
}

int recursor_create(uv_loop_t *loop, const struct recursor_config *config, struct recursor **out)
{
        struct recursor *recursor = calloc(1, sizeof(*recursor));

        if (recursor == NULL)
                return -ENOMEM;
        recursor->loop = loop;
        if (recursor_configure(recursor, config) < 0) {
                free(recursor);
                return -ENOMEM;
        }
        *out = recursor;
        return 0;
}

void recursor_destroy(struct recursor *take_recursor)
{
        if (take_recursor == NULL)
                return;
        take_recursor->destroyed = true;
        release(take_recursor);
}

void recursor_stats(const struct recursor *recursor, struct recursor_stats *out)
{
        *out = recursor->stats;
}
