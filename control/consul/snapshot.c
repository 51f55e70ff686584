#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/api/api.h"
#include "control/consul/consul_internal.h"
#include "control/consul/wire.h"
#include "control/http/http.h"
#include "control/http/spool.h"
#include "control/rpc/demux.h"
#include "control/server/server.h"

// A connection is one snapshot, saved or restored: a request in msgpack, after which the archive to
// be restored follows until the other side finishes; an answer in msgpack, after which the saved
// archive follows until the connection ends. The HTTP API does the work.

#define REQUEST_MAX     4096u
#define CONNECTIONS_MAX 8u
#define PATIENCE_MS     60000u // for the other side to send or take something
#define CHUNK_SIZE      65536u
#define PIECE_MAX       ((size_t)1 << 20) // written at once
#define TARGET_SIZE     320u

enum snapshot_op { SNAPSHOT_SAVE = 0, SNAPSHOT_RESTORE = 1 };

// What is asked for, as Consul's agents say it.
struct snapshot_request {
        const char *datacenter;
        bool allow_stale;
        int32_t op;
};

struct snapshot_link {
        struct consul_service *service; // NULL once it is closing
        LIST_ENTRY(snapshot_link) entry;
        uv_tcp_t *tcp;
        uv_timer_t timer;
        unsigned handles_open;
        struct byte_buffer head; // the request, while it is not whole
        bool is_asked;           // it was whole
        bool is_finished;        // the other side has said all
        bool is_answered;        // so have we
        bool is_restore;
        struct spool archive; // to be restored
        char target[TARGET_SIZE];
        struct http_request *request; // while the API is asked
        struct byte_buffer answer;
        size_t answered; // bytes of it that were written
        uv_write_t write;
        uv_shutdown_t shutdown;
        char chunk[CHUNK_SIZE]; // read into
};

// --- The end.

static void on_closed(uv_handle_t *handle)
{
        struct snapshot_link *link = handle->data;

        if (--link->handles_open > 0)
                return;
        byte_buffer_fini(&link->head);
        byte_buffer_fini(&link->answer);
        free(link->tcp);
        free(link);
}

static void close_link(struct snapshot_link *take_link)
{
        if (take_link->request != NULL)
                http_injected_cancel(take_link->request);
        spool_close(&take_link->archive);
        LIST_REMOVE(take_link, entry);
        take_link->service->snapshot_count--;
        take_link->service = NULL;
        uv_close((uv_handle_t *)&take_link->timer, on_closed);
        uv_close((uv_handle_t *)take_link->tcp, on_closed);
}

static void on_time_over(uv_timer_t *timer)
{
        close_link(timer->data);
}

static void be_patient(struct snapshot_link *link)
{
        uv_timer_start(&link->timer, on_time_over, PATIENCE_MS, 0);
}

// --- The answer.

static void write_next(struct snapshot_link *link);

static void on_written(uv_write_t *write, int status)
{
        struct snapshot_link *link = write->data;

        if (link->service == NULL)
                return;
        if (status < 0)
                close_link(link);
        else
                write_next(link);
}

static void on_shut_down(uv_shutdown_t *shutdown, int status)
{
        (void)shutdown;
        (void)status;
}

// Who is still sending would lose the answer if the connection were closed now.
static void finish(struct snapshot_link *link)
{
        link->is_answered = true;
        if (link->is_finished ||
            uv_shutdown(&link->shutdown, (uv_stream_t *)link->tcp, on_shut_down) < 0)
                close_link(link);
}

static void write_next(struct snapshot_link *link)
{
        size_t len = link->answer.len - link->answered;
        uv_buf_t buf;

        len = len < PIECE_MAX ? len : PIECE_MAX;
        buf = uv_buf_init((char *)link->answer.bytes + link->answered, (unsigned)len);
        link->answered += len;
        link->write.data = link;
        be_patient(link);
        if (len == 0)
                finish(link);
        else if (uv_write(&link->write, (uv_stream_t *)link->tcp, &buf, 1, on_written) < 0)
                close_link(link);
}

static void put_answer(struct snapshot_link *link, struct pack_slice error,
                       const struct consul_meta *meta)
{
        pack_put_map(&link->answer, 1 + CONSUL_META_PAIRS);
        wire_put_name(&link->answer, "Error");
        pack_put_raw(&link->answer, error);
        consul_put_meta(&link->answer, meta);
}

static void refuse(struct snapshot_link *link, const char *error)
{
        put_answer(link, pack_slice_of(error), &(struct consul_meta){.index = 0});
        write_next(link);
}

static const char *header_of(const struct http_injected_answer *from, const char *name)
{
        const char *end = from->headers + from->headers_len;

        for (const char *at = from->headers; at < end;) {
                const char *value = at + strlen(at) + 1;

                if (strcasecmp(at, name) == 0)
                        return value;
                at = value + strlen(value) + 1;
        }
        return "";
}

static void on_answered(void *arg, const struct http_injected_answer *from)
{
        struct snapshot_link *link = arg;
        const struct consul_meta meta = {
            .index = strtoull(header_of(from, "X-Consul-Index"), NULL, 10),
            .last_contact_ms = strtoull(header_of(from, "X-Consul-LastContact"), NULL, 10),
            .known_leader = strcmp(header_of(from, "X-Consul-KnownLeader"), "true") == 0};
        struct pack_slice error = {NULL, 0};

        link->request = NULL;
        if (from->status != 200)
                error = (struct pack_slice){(const uint8_t *)from->body,
                                            from->body_len < REQUEST_MAX ? (uint32_t)from->body_len
                                                                         : REQUEST_MAX};
        put_answer(link, error, &meta);
        if (from->status == 200 && from->body_len > 0)
                byte_buffer_append(&link->answer, from->body, from->body_len);
        write_next(link);
}

// --- The request.

static void ask(struct snapshot_link *link)
{
        const struct http_injection injection = {.method = link->is_restore ? "PUT" : "GET",
                                                 .target = link->target,
                                                 .body = "",
                                                 .take_spool =
                                                     link->is_restore ? &link->archive : NULL,
                                                 .origin = link->service->agent->config->node_name,
                                                 .done = on_answered,
                                                 .arg = link};

        uv_timer_stop(&link->timer);
        if (api_inject(link->service->agent->api, &injection, &link->request) < 0)
                refuse(link, CONSUL_MEMORY_TEXT);
}

static bool is_plain(const char *datacenter)
{
        return strlen(datacenter) < 64 &&
               datacenter[strspn(datacenter, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789-_")] == '\0';
}

static void take_request(struct snapshot_link *link, const struct snapshot_request *request)
{
        link->is_asked = true;
        link->is_restore = request->op == SNAPSHOT_RESTORE;
        snprintf(link->target, sizeof(link->target), "/v1/snapshot?%s%s%s",
                 request->datacenter[0] != '\0' ? "dc=" : "", request->datacenter,
                 request->allow_stale ? "&stale" : "");
        if (request->op != SNAPSHOT_SAVE && request->op != SNAPSHOT_RESTORE)
                refuse(link, "unrecognized snapshot op");
        else if (!is_plain(request->datacenter))
                refuse(link, "No path to datacenter");
        else if (!link->is_restore)
                ask(link);
        else if (spool_open(&link->archive, link->service->agent->config->data_dir) < 0)
                refuse(link, "failed to create snapshot file");
}

#define FIELD(member, name, kind) WIRE_FIELD(struct snapshot_request, member, name, kind)

// returns  how many bytes of the head the request takes; 0 while it is not whole.
static size_t read_request(struct snapshot_link *link, struct arena *arena,
                           struct snapshot_request *out)
{
        static const struct wire_field fields[] = {FIELD(datacenter, "Datacenter", WIRE_TEXT),
                                                   FIELD(allow_stale, "AllowStale", WIRE_BOOL),
                                                   FIELD(op, "Op", WIRE_I32)};
        struct msgpack_reader reader = {link->head.bytes, link->head.bytes + link->head.len};

        *out = (struct snapshot_request){.datacenter = ""};
        if (wire_get(&reader, fields, sizeof(fields) / sizeof(fields[0]), arena, out) < 0)
                return 0;
        return (size_t)(reader.at - link->head.bytes);
}

static void take_archive(struct snapshot_link *link, const uint8_t *bytes, size_t len)
{
        // What follows another request than to restore means nothing.
        if (len > 0 && link->archive.fd >= 0 && spool_append(&link->archive, bytes, len) < 0) {
                spool_close(&link->archive);
                refuse(link, "failed to write the snapshot file");
        }
}

static void take_bytes(struct snapshot_link *link, const uint8_t *bytes, size_t len)
{
        struct arena arena = ARENA_INIT;
        struct snapshot_request request;
        struct byte_buffer head;
        size_t used;

        if (link->is_asked) {
                take_archive(link, bytes, len);
                return;
        }
        byte_buffer_append(&link->head, bytes, len);
        used = read_request(link, &arena, &request);
        if (used > 0) {
                head = link->head;
                link->head = (struct byte_buffer)BYTE_BUFFER_INIT;
                take_request(link, &request);
                if (link->service != NULL)
                        take_archive(link, head.bytes + used, head.len - used);
                byte_buffer_fini(&head);
        } else if (link->head.len > REQUEST_MAX) {
                close_link(link);
        }
        arena_fini(&arena);
}

static void on_alloc(uv_handle_t *tcp, size_t suggested, uv_buf_t *buf)
{
        struct snapshot_link *link = tcp->data;

        (void)suggested;
        *buf = uv_buf_init(link->chunk, CHUNK_SIZE);
}

static void on_read(uv_stream_t *tcp, ssize_t count, const uv_buf_t *buf)
{
        struct snapshot_link *link = tcp->data;

        if (count > 0) {
                if (!link->is_asked || link->archive.fd >= 0)
                        be_patient(link);
                take_bytes(link, (const uint8_t *)buf->base, (size_t)count);
        } else if (count == UV_EOF && link->is_asked && !link->is_answered) {
                link->is_finished = true;
                uv_read_stop(tcp);
                if (link->archive.fd >= 0)
                        ask(link);
        } else if (count < 0) {
                close_link(link);
        }
}

// --- Connections.

static void free_handle(uv_handle_t *handle)
{
        free(handle);
}

static void on_connection(void *arg, uv_tcp_t *take_connection, const char *peer)
{
        struct consul_service *service = arg;
        struct snapshot_link *link =
            service->snapshot_count < CONNECTIONS_MAX ? calloc(1, sizeof(*link)) : NULL;

        if (link == NULL) {
                log_warn(service->agent->log, "agent.server.snapshot",
                         "closed a connection: there are too many snapshots: from=%s", peer);
                uv_close((uv_handle_t *)take_connection, free_handle);
                return;
        }
        link->service = service;
        link->tcp = take_connection;
        link->archive.fd = -1;
        link->handles_open = 2;
        link->tcp->data = link;
        uv_timer_init(&service->agent->loop, &link->timer);
        link->timer.data = link;
        LIST_INSERT_HEAD(&service->snapshots, link, entry);
        service->snapshot_count++;
        be_patient(link);
        if (uv_read_start((uv_stream_t *)link->tcp, on_alloc, on_read) < 0)
                close_link(link);
}

void consul_snapshot_start(struct consul_service *service)
{
        demux_register(server_demux(service->agent->server), DEMUX_CONSUL_SNAPSHOT, on_connection,
                       service);
}

void consul_snapshot_stop(struct consul_service *service)
{
        demux_register(server_demux(service->agent->server), DEMUX_CONSUL_SNAPSHOT, NULL, NULL);
        while (!LIST_EMPTY(&service->snapshots))
                close_link(LIST_FIRST(&service->snapshots));
}
