#include "control/store/memory.h"
#include "control/store/record_codec.h"
#include "control/store/store_internal.h"
#include "lictor/bytes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_LEN 65536

const uint8_t store_snapshot_magic[8] = {'L', 'I', 'C', 'T', 'O', 'R', 'S', 'T'};

struct sink {
        struct byte_buffer buffer;
        store_write_fn write;
        void *arg;
};

static int flush(struct sink *sink, size_t above)
{
        int ret;

        if (sink->buffer.len <= above)
                return 0;
        ret = sink->write(sink->arg, sink->buffer.bytes, sink->buffer.len);
        sink->buffer.len = 0;
        return ret;
}

static void encode_row(struct byte_buffer *out, const union store_row *row)
{
        struct kv_entry entry;

        msgpack_put_uint(out, row->record->create_index);
        msgpack_put_uint(out, row->record->modify_index);
        switch ((enum record_kind)row->record->kind) {
        case RECORD_NODE:
                catalog_node_encode(&row->node->node, out);
                break;
        case RECORD_SERVICE:
                catalog_service_encode(&row->service->service, out);
                break;
        case RECORD_CHECK:
                catalog_check_encode(&row->check->check, out);
                break;
        case RECORD_QUERY:
                catalog_query_encode(&row->query->query, out);
                break;
        case RECORD_SESSION:
                catalog_session_encode(&row->session->session, out);
                break;
        case RECORD_KV:
                entry = kv_record_entry(row->kv);
                kv_entry_encode(&entry, out);
                break;
        case RECORD_SETTING:
                catalog_setting_encode(&row->setting->setting, out);
                break;
        case RECORD_COORDINATE:
                catalog_coordinate_encode(&row->coordinate->coordinate, out);
                break;
        case RECORD_TOMBSTONE:
                msgpack_put_text(out, tombstone_record_key(row->tombstone));
                break;
        }
}

static int write_rows(struct sink *sink, const struct ordered_frozen *rows)
{
        struct ordered_frozen_cursor c = {0};
        union store_row row;
        int ret = 0;

        msgpack_put_uint(&sink->buffer, ordered_frozen_count(rows));
        while (ret == 0 && (row.record = ordered_frozen_next(rows, &c))) {
                encode_row(&sink->buffer, &row);
                ret = flush(sink, FLUSH_LEN);
        }
        return ret;
}

static int write_marks(struct sink *sink, const struct ordered_frozen *marks)
{
        struct ordered_frozen_cursor c = {0};
        const struct store_mark *mark;
        int ret = 0;

        while (ret == 0 && (mark = ordered_frozen_next(marks, &c))) {
                msgpack_put_uint(&sink->buffer, mark->index);
                ret = flush(sink, FLUSH_LEN);
        }
        return ret;
}

static int encode(const struct store_snapshot *h, unsigned tables, store_write_fn write, void *arg)
{
        struct sink sink = {BYTE_BUFFER_INIT, write, arg};
        const uint8_t version = SNAPSHOT_VERSION;
        int ret = 0;

        byte_buffer_append(&sink.buffer, store_snapshot_magic, sizeof(store_snapshot_magic));
        byte_buffer_append(&sink.buffer, &version, 1);
        msgpack_put_uint(&sink.buffer, h->applied_index);
        msgpack_put_uint(&sink.buffer, h->index_offset);
        for (int i = 0; i < STORE_TABLE_COUNT; i++)
                msgpack_put_uint(&sink.buffer, tables >> i & 1 ? h->table_index[i] : 0);
        msgpack_put_uint(&sink.buffer, h->vanished_index);
        for (int i = 0; i < STORE_TABLE_COUNT && ret == 0; i++) {
                if (tables >> i & 1)
                        ret = write_rows(&sink, h->rows[i]);
                else
                        msgpack_put_uint(&sink.buffer, 0);
        }
        if (ret == 0)
                ret = write_marks(&sink, h->node_marks);
        if (ret == 0)
                ret = write_marks(&sink, h->service_marks);
        if (ret == 0)
                ret = flush(&sink, 0);
        byte_buffer_fini(&sink.buffer);
        return ret;
}

int store_snapshot_encode(const struct store_snapshot *h, store_write_fn write, void *arg)
{
        return encode(h, (1u << STORE_TABLE_COUNT) - 1, write, arg);
}

int store_snapshot_encode_catalog(const struct store_snapshot *h, store_write_fn write, void *arg)
{
        return encode(
            h, 1u << STORE_NODES | 1u << STORE_SERVICES | 1u << STORE_CHECKS | 1u << STORE_QUERIES,
            write, arg);
}

int store_snapshot_write(struct store *s, store_write_fn write, void *arg)
{
        struct store_snapshot *h = store_snapshot_gather(s);
        int ret = store_snapshot_encode(h, write, arg);

        store_snapshot_release(h);
        return ret;
}
