#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/api/api_internal.h"
#include "control/http/spool.h"
#include "control/server/server.h"
#include "control/snapshot/archive.h"
#include "raft/node/node.h"

// A snapshot being taken: gathered on the loop, written by a thread of the pool, sent from a file.
struct saving {
        struct api *api;
        struct http_request *request; // NULL when it has ended before
        struct store_snapshot *state; // NULL once released
        struct snapshot_meta meta;
        struct spool file;
        uint64_t sent;
        uv_work_t work;
        atomic_bool cancelled;
        int result;
};

static int write_state(void *source, snapshot_sink_fn sink, void *arg)
{
        return store_snapshot_encode(source, sink, arg);
}

static int write_file(void *arg, const uint8_t *bytes, size_t len)
{
        struct saving *saving = arg;

        return atomic_load(&saving->cancelled) ? -ECANCELED
                                               : spool_append(&saving->file, bytes, len);
}

static void save_in_pool(uv_work_t *work)
{
        struct saving *saving = work->data;

        saving->result =
            snapshot_archive_write(&saving->meta, write_state, saving->state, write_file, saving);
}

static void end_saving(void *arg)
{
        struct saving *saving = arg;

        spool_close(&saving->file);
        free(saving);
}

static long send_file(void *arg, char *out, size_t size)
{
        struct saving *saving = arg;
        long len = spool_read(&saving->file, saving->sent, out, size);

        if (len > 0)
                saving->sent += (uint64_t)len;
        return len < 0 ? -1 : len;
}

static void saved(uv_work_t *work, int status)
{
        struct saving *saving = work->data;
        struct http_request *request = saving->request;

        (void)status;
        store_snapshot_release(saving->state);
        if (request == NULL) {
                end_saving(saving);
                return;
        }
        http_request_on_cancel(request, NULL, NULL);
        if (saving->result < 0) {
                http_reply_text(request, 500, "failed to write snapshot file: %s",
                                strerror(-saving->result));
                end_saving(saving);
                return;
        }
        http_reply_header_uint(request, "X-Consul-Index", saving->meta.index);
        // The body comes in chunks: this lets commands show how far they are.
        http_reply_header_uint(request, "X-Lictor-Snapshot-Bytes", saving->file.len);
        api_reply_contact(saving->api, request);
        http_reply_stream(request, 200, "application/x-gzip", send_file, end_saving, saving);
}

static void forget_request(void *arg)
{
        struct saving *saving = arg;

        saving->request = NULL;
        atomic_store(&saving->cancelled, true);
}

// As Raft names its snapshots: term, index and the time.
static void describe(struct saving *saving)
{
        struct raft_node_status status = {0};
        struct timespec now;

        if (saving->api->agent->server != NULL)
                raft_node_status(server_raft_node(saving->api->agent->server), &status);
        clock_gettime(CLOCK_REALTIME, &now);
        saving->meta.version = 1;
        saving->meta.term = status.term;
        saving->meta.index = store_snapshot_index(saving->state);
        snprintf(saving->meta.id, sizeof(saving->meta.id), "%llu-%llu-%lld",
                 (unsigned long long)saving->meta.term, (unsigned long long)saving->meta.index,
                 (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

void api_snapshot_save(struct http_request *request, void *app)
{
        struct api *api = app;
        struct saving *saving;
        int ret;

        if (!api_check_datacenter(api, request))
                return;
        saving = calloc(1, sizeof(*saving));
        if (saving == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        saving->api = api;
        saving->request = request;
        saving->work.data = saving;
        ret = spool_open(&saving->file, api->agent->config->data_dir);
        if (ret < 0) {
                http_reply_text(request, 500, "failed to create snapshot file: %s", strerror(-ret));
                free(saving);
                return;
        }
        saving->state = store_snapshot_gather(api->agent->store);
        describe(saving);
        http_request_on_cancel(request, forget_request, saving);
        uv_queue_work(&api->agent->loop, &saving->work, save_in_pool, saved);
}
