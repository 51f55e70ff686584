#include "control/subscribe/subscribe_codec.h"

#include <errno.h>
#include <string.h>

#include "control/grpc/protobuf.h"
#include "control/subscribe/settings_codec.h"

// Field numbers are those of Consul 1.10's proto/pbsubscribe and proto/pbservice.

// --- Requests.

static int get_text(const struct pb_field *field, char *out, size_t size)
{
        if (field->wire != PB_BYTES || memchr(field->bytes, '\0', field->len) != NULL)
                return -EBADMSG;
        if (field->len >= size)
                return -EMSGSIZE;
        memcpy(out, field->bytes, field->len);
        out[field->len] = '\0';
        return 0;
}

static int get_number(const struct pb_field *field, uint64_t *out)
{
        *out = field->value;
        return field->wire == PB_VARINT ? 0 : -EBADMSG;
}

int subscribe_request_decode(const uint8_t *bytes, size_t len, struct subscribe_request *out)
{
        struct pb_reader reader = {bytes, bytes + len};
        struct pb_field field;
        int ret;

        *out = (struct subscribe_request){.topic = 0};
        while ((ret = pb_next(&reader, &field)) > 0) {
                switch (field.number) {
                case 1:
                        ret = get_number(&field, &out->topic);
                        break;
                case 2:
                        ret = get_text(&field, out->key, sizeof(out->key));
                        break;
                case 4:
                        ret = get_number(&field, &out->index);
                        break;
                case 5:
                        ret = get_text(&field, out->datacenter, sizeof(out->datacenter));
                        break;
                default: // the token and the namespace have no meaning here
                        ret = 0;
                        break;
                }
                if (ret < 0)
                        return ret;
        }
        return ret;
}

// --- Parts of an instance.

static void put_texts(struct byte_buffer *b, uint32_t number, const struct text_list *list)
{
        for (uint32_t i = 0; i < list->count; i++)
                pb_put_bytes(b, number, list->items[i], strlen(list->items[i]));
}

static void put_map(struct byte_buffer *b, uint32_t number, const struct text_map *map)
{
        for (uint32_t i = 0; i < map->count; i++) {
                size_t entry = pb_begin(b, number);

                pb_put_text(b, 1, map->pairs[i].key);
                pb_put_text(b, 2, map->pairs[i].value);
                pb_end(b, entry);
        }
}

static void put_addresses(struct byte_buffer *b, uint32_t number,
                          const struct service_address_map *map)
{
        for (uint32_t i = 0; i < map->count; i++) {
                size_t entry = pb_begin(b, number), value;

                pb_put_text(b, 1, map->items[i].key);
                value = pb_begin(b, 2);
                pb_put_text(b, 1, map->items[i].address);
                pb_put_int(b, 2, map->items[i].port);
                pb_end(b, value);
                pb_end(b, entry);
        }
}

static void put_indexes(struct byte_buffer *b, uint32_t number, const struct record *head)
{
        size_t begun = pb_begin(b, number);

        pb_put_uint(b, 1, head->create_index);
        pb_put_uint(b, 2, head->modify_index);
        pb_end(b, begun);
}

static void put_node(struct byte_buffer *b, const struct node_record *record)
{
        const struct catalog_node *node = &record->node;

        pb_put_text(b, 1, node->id);
        pb_put_text(b, 2, node->name);
        pb_put_text(b, 3, node->address);
        pb_put_text(b, 4, node->datacenter);
        put_map(b, 5, &node->tagged_addresses);
        put_map(b, 6, &node->meta);
        put_indexes(b, 7, &record->head);
}

static void put_service(struct byte_buffer *b, const struct service_record *record)
{
        const struct catalog_service *service = &record->service;
        bool is_weighted = service->weight_passing != 0 || service->weight_warning != 0;
        size_t begun;

        pb_put_text(b, 1, service->kind);
        pb_put_text(b, 2, service->id);
        pb_put_text(b, 3, service->name);
        put_texts(b, 4, &service->tags);
        pb_put_text(b, 5, service->address);
        put_map(b, 6, &service->meta);
        pb_put_int(b, 7, service->port);
        begun = pb_begin(b, 8);
        pb_put_int(b, 1, is_weighted ? service->weight_passing : 1);
        pb_put_int(b, 2, is_weighted ? service->weight_warning : 1);
        pb_end(b, begun);
        pb_put_uint(b, 9, service->enable_tag_override);
        begun = pb_begin(b, 11);
        settings_put_proxy(b, service->proxy_json);
        pb_end(b, begun);
        begun = pb_begin(b, 12);
        settings_put_connect(b, service->connect_json);
        pb_end(b, begun);
        put_indexes(b, 14, &record->head);
        put_addresses(b, 15, &service->tagged_addresses);
        pb_put_text(b, 17, service->socket_path);
}

static void put_check(struct byte_buffer *b, const struct check_record *record)
{
        const struct catalog_check *check = &record->check;
        size_t begun;

        pb_put_text(b, 1, check->node);
        pb_put_text(b, 2, check->id);
        pb_put_text(b, 3, check->name);
        pb_put_text(b, 4, check->status);
        pb_put_text(b, 5, check->notes);
        pb_put_text(b, 6, check->output);
        pb_put_text(b, 7, check->service_id);
        pb_put_text(b, 8, check->service_name);
        put_texts(b, 9, &check->service_tags);
        begun = pb_begin(b, 10);
        settings_put_definition(b, check->definition_json);
        pb_end(b, begun);
        put_indexes(b, 11, &record->head);
        pb_put_text(b, 12, check->type);
        pb_put_int(b, 14, check->exposed_port);
        pb_put_text(b, 15, check->interval);
        pb_put_text(b, 16, check->timeout);
}

// --- Events.

#define EVENT_INDEX               1
#define EVENT_END_OF_SNAPSHOT     2
#define EVENT_NEW_SNAPSHOT        3
#define EVENT_BATCH               4
#define EVENT_SERVICE_HEALTH      10
#define BATCH_EVENTS              1
#define UPDATE_OP                 1
#define UPDATE_CHECK_SERVICE_NODE 2

static void put_checks(struct byte_buffer *b, const struct store *store,
                       const struct catalog_service *service)
{
        const char *const owners[] = {"", service->id};
        const struct check_record *check;
        struct store_iter it;

        for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
                store_checks_of_instance(store, service->node, owners[i], &it);
                while ((check = store_next_check(&it)) != NULL) {
                        size_t begun = pb_begin(b, 3);

                        put_check(b, check);
                        pb_end(b, begun);
                }
        }
}

// Of an instance that is gone its node's name is enough to know it by.
static void put_instance(struct byte_buffer *b, const struct store *store,
                         const struct subscribe_change *change)
{
        const struct catalog_service *service = &change->record->service;
        const struct node_record *node =
            change->op == SUBSCRIBE_REGISTER ? store_node_get(store, service->node) : NULL;
        size_t begun = pb_begin(b, 1);

        if (node != NULL)
                put_node(b, node);
        else
                pb_put_text(b, 2, service->node);
        pb_end(b, begun);
        begun = pb_begin(b, 2);
        put_service(b, change->record);
        pb_end(b, begun);
        if (change->op == SUBSCRIBE_REGISTER)
                put_checks(b, store, service);
}

static void put_update(struct byte_buffer *b, const struct store *store, uint64_t index,
                       const struct subscribe_change *change)
{
        size_t update, instance;

        pb_put_uint(b, EVENT_INDEX, index);
        update = pb_begin(b, EVENT_SERVICE_HEALTH);
        pb_put_uint(b, UPDATE_OP, change->op);
        instance = pb_begin(b, UPDATE_CHECK_SERVICE_NODE);
        put_instance(b, store, change);
        pb_end(b, instance);
        pb_end(b, update);
}

void subscribe_event_encode(const struct store *store, uint64_t index,
                            const struct subscribe_change changes[], size_t count,
                            struct byte_buffer *out)
{
        size_t batch;

        if (count == 1) {
                put_update(out, store, index, &changes[0]);
                return;
        }
        pb_put_uint(out, EVENT_INDEX, index);
        batch = pb_begin(out, EVENT_BATCH);
        for (size_t i = 0; i < count; i++) {
                size_t event = pb_begin(out, BATCH_EVENTS);

                put_update(out, store, index, &changes[i]);
                pb_end(out, event);
        }
        pb_end(out, batch);
}

void subscribe_end_of_snapshot_encode(uint64_t index, struct byte_buffer *out)
{
        pb_put_uint(out, EVENT_INDEX, index);
        pb_put_any_uint(out, EVENT_END_OF_SNAPSHOT, 1);
}

void subscribe_new_snapshot_encode(struct byte_buffer *out)
{
        pb_put_any_uint(out, EVENT_NEW_SNAPSHOT, 1);
}
