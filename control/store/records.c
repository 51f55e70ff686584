#include "control/store/records.h"
#include "control/store/address.h"
#include "control/store/memory.h"
#include "control/store/record_key.h"
#include "control/store/text.h"
#include "lictor/bytes.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

// A record is packed twice by the same code: the first pass only measures. Arrays come right behind
// the struct, so that they are aligned; then keys and texts.
struct packer {
        uint8_t *arrays; // NULL while measuring
        uint8_t *bytes;
        size_t array_len;
        size_t byte_len;
};

static uint8_t *pack_bytes(struct packer *p, size_t len)
{
        uint8_t *at = p->bytes;

        p->byte_len += len;
        if (at != NULL)
                p->bytes += len;
        return at;
}

static void *pack_array(struct packer *p, size_t count, size_t item_len)
{
        uint8_t *at = p->arrays;

        p->array_len += count * item_len;
        if (at != NULL)
                p->arrays += count * item_len;
        return at;
}

static const char *pack_text(struct packer *p, const char *text)
{
        size_t len = strlen(text) + 1;
        uint8_t *at;

        if (len == 1)
                return "";
        at = pack_bytes(p, len);
        return at ? memcpy(at, text, len) : text;
}

// Most names are in lower case already, and then they lie in the key, where a NUL ends each part.
static const char *pack_part(struct packer *p, const char *text, const uint8_t *key, size_t at)
{
        if (*text == 0)
                return "";
        for (const char *c = text; *c; c++)
                if (text_lower_byte((uint8_t)*c) != (uint8_t)*c)
                        return pack_text(p, text);
        return key ? (const char *)key + at : text;
}

// The usual states are told apart by everyone and kept by nobody.
static const char *pack_status(struct packer *p, const char *text)
{
        static const char *const usual[] = {"passing", "warning", "critical"};

        for (size_t i = 0; i < ARRAY_LEN(usual); i++)
                if (strcmp(text, usual[i]) == 0)
                        return usual[i];
        return pack_text(p, text);
}

static struct text_list pack_list(struct packer *p, const struct text_list *in)
{
        const char **items = pack_array(p, in->count, sizeof(*items));

        for (uint32_t i = 0; i < in->count; i++) {
                const char *item = pack_text(p, in->items[i]);

                if (items)
                        items[i] = item;
        }
        return (struct text_list){items, in->count};
}

static struct text_map pack_map(struct packer *p, const struct text_map *in)
{
        struct text_pair *pairs = pack_array(p, in->count, sizeof(*pairs));

        for (uint32_t i = 0; i < in->count; i++) {
                struct text_pair pair = {pack_text(p, in->pairs[i].key),
                                         pack_text(p, in->pairs[i].value)};

                assert(i == 0 || strcmp(in->pairs[i - 1].key, in->pairs[i].key) < 0);
                if (pairs)
                        pairs[i] = pair;
        }
        return (struct text_map){pairs, in->count};
}

static struct service_address_map pack_addresses(struct packer *p,
                                                 const struct service_address_map *in)
{
        struct service_address *items = pack_array(p, in->count, sizeof(*items));

        for (uint32_t i = 0; i < in->count; i++) {
                struct service_address item = {pack_text(p, in->items[i].key),
                                               pack_text(p, in->items[i].address),
                                               in->items[i].port};

                assert(i == 0 || strcmp(in->items[i - 1].key, in->items[i].key) < 0);
                if (items)
                        items[i] = item;
        }
        return (struct service_address_map){items, in->count};
}

static uint8_t *pack_key(struct packer *p, const char *const parts[], size_t part_count,
                         uint32_t *len)
{
        size_t key_len = record_key_len(parts, part_count);
        uint8_t *at = pack_bytes(p, key_len + 1);

        if (at) {
                record_key_write(at, parts, part_count);
                at[key_len] = 0;
        }
        *len = (uint32_t)key_len;
        return at;
}

static void pack_node(struct packer *p, const struct catalog_node *in, struct node_record *out)
{
        const char *const parts[] = {in->name};
        struct lictor_address address;
        uint8_t address_key[ADDRESS_KEY_MAX];
        size_t prefix_len = 0;
        uint8_t *prefix;

        out->node.tagged_addresses = pack_map(p, &in->tagged_addresses);
        out->node.meta = pack_map(p, &in->meta);
        out->node.id = pack_text(p, in->id);
        out->node.address = pack_text(p, in->address);
        out->node.datacenter = pack_text(p, in->datacenter);
        if (address_parse(in->address, &address))
                prefix_len = address_key_make(&address, address_key);
        prefix = pack_bytes(p, prefix_len);
        if (prefix)
                memcpy(prefix, address_key, prefix_len);
        out->address_key = prefix;
        out->name_key = pack_key(p, parts, ARRAY_LEN(parts), &out->name_key_len);
        out->address_key_len = prefix_len ? (uint32_t)prefix_len + out->name_key_len : 0;
        out->node.name = pack_part(p, in->name, out->name_key, 0);
}

static void pack_service(struct packer *p, const struct catalog_service *in,
                         struct service_record *out)
{
        const char *const parts[] = {in->name, in->node, in->id};
        struct catalog_service *s = &out->service;
        struct lictor_address address;
        uint8_t address_key[ADDRESS_KEY_MAX];
        size_t prefix_len = 0;
        uint8_t *prefix;

        *s = *in;
        s->tags = pack_list(p, &in->tags);
        s->tagged_addresses = pack_addresses(p, &in->tagged_addresses);
        s->meta = pack_map(p, &in->meta);
        s->kind = pack_text(p, in->kind);
        s->address = pack_text(p, in->address);
        s->socket_path = pack_text(p, in->socket_path);
        s->proxy_json = pack_text(p, in->proxy_json);
        s->connect_json = pack_text(p, in->connect_json);
        if (address_parse(in->address, &address))
                prefix_len = address_key_make(&address, address_key);
        prefix = pack_bytes(p, prefix_len);
        if (prefix)
                memcpy(prefix, address_key, prefix_len);
        out->address_key = prefix;
        out->name_key = pack_key(p, parts, ARRAY_LEN(parts), &out->name_key_len);
        out->address_key_len = prefix_len ? (uint32_t)prefix_len + out->name_key_len : 0;
        out->instance_key_len = out->name_key_len - (uint32_t)strlen(in->name) - 1;
        if (out->name_key)
                out->instance_key = out->name_key + out->name_key_len - out->instance_key_len;
        s->name = pack_part(p, in->name, out->name_key, 0);
        s->node = pack_part(p, in->node, out->instance_key, 0);
        s->id = pack_part(p, in->id, out->instance_key, strlen(in->node) + 1);
}

static void pack_check(struct packer *p, const struct catalog_check *in, struct check_record *out)
{
        const char *const by_service[] = {in->service_name, in->node, in->id};
        const char *const by_instance[] = {in->node, in->service_id, in->id};
        struct catalog_check *c = &out->check;

        *c = *in;
        c->service_tags = pack_list(p, &in->service_tags);
        c->name = pack_text(p, in->name);
        c->status = pack_status(p, in->status);
        c->notes = pack_text(p, in->notes);
        c->output = pack_text(p, in->output);
        c->type = pack_text(p, in->type);
        c->interval = pack_text(p, in->interval);
        c->timeout = pack_text(p, in->timeout);
        c->definition_json = pack_text(p, in->definition_json);
        out->service_key = pack_key(p, by_service, ARRAY_LEN(by_service), &out->service_key_len);
        out->check_key_len = out->service_key_len - (uint32_t)strlen(in->service_name) - 1;
        if (out->service_key)
                out->check_key = out->service_key + out->service_key_len - out->check_key_len;
        if (*in->service_id == 0)
                out->service_key_len = 0;
        out->instance_key =
            pack_key(p, by_instance, ARRAY_LEN(by_instance), &out->instance_key_len);
        c->service_name = pack_part(p, in->service_name, out->service_key, 0);
        c->node = pack_part(p, in->node, out->check_key, 0);
        c->id = pack_part(p, in->id, out->check_key, strlen(in->node) + 1);
        c->service_id = pack_part(p, in->service_id, out->instance_key, strlen(in->node) + 1);
}

static void pack_query(struct packer *p, const struct catalog_query *in, struct query_record *out)
{
        const char *const by_service[] = {in->service, in->id};
        const char *const by_name[] = {in->name};
        struct catalog_query *q = &out->query;

        *q = *in;
        q->tags = pack_list(p, &in->tags);
        q->ignore_check_ids = pack_list(p, &in->ignore_check_ids);
        q->node_meta = pack_map(p, &in->node_meta);
        q->service_meta = pack_map(p, &in->service_meta);
        q->id = pack_text(p, in->id);
        q->name = pack_text(p, in->name);
        q->session = pack_text(p, in->session);
        q->token = pack_text(p, in->token);
        q->template_type = pack_text(p, in->template_type);
        q->template_regexp = pack_text(p, in->template_regexp);
        q->service = pack_text(p, in->service);
        q->near = pack_text(p, in->near);
        q->raw_json = pack_text(p, in->raw_json);
        out->service_key = pack_key(p, by_service, ARRAY_LEN(by_service), &out->service_key_len);
        out->id_key_len = (uint32_t)strlen(in->id);
        if (out->service_key)
                out->id_key = out->service_key + out->service_key_len - out->id_key_len;
        out->name_key = pack_key(p, by_name, ARRAY_LEN(by_name), &out->name_key_len);
}

static void pack_session(struct packer *p, const struct catalog_session *in,
                         struct session_record *out)
{
        const char *const by_node[] = {in->node, in->id};
        struct catalog_session *s = &out->session;

        *s = *in;
        s->checks = pack_list(p, &in->checks);
        s->node_checks = pack_list(p, &in->node_checks);
        s->service_checks = pack_list(p, &in->service_checks);
        s->service_check_namespaces = pack_list(p, &in->service_check_namespaces);
        s->id = pack_text(p, in->id);
        s->name = pack_text(p, in->name);
        s->node = pack_text(p, in->node);
        s->behavior = pack_text(p, in->behavior);
        s->ttl = pack_text(p, in->ttl);
        out->node_key = pack_key(p, by_node, ARRAY_LEN(by_node), &out->node_key_len);
        out->id_key_len = (uint32_t)strlen(in->id);
        if (out->node_key)
                out->id_key = out->node_key + out->node_key_len - out->id_key_len;
}

static void *record_get(const struct packer *measured, size_t struct_len, enum record_kind kind,
                        uint64_t create_index, uint64_t modify_index, struct packer *out)
{
        struct record *r = memory_get(struct_len + measured->array_len + measured->byte_len);

        *r = (struct record){1, kind, create_index, modify_index};
        out->arrays = (uint8_t *)r + struct_len;
        out->bytes = out->arrays + measured->array_len;
        return r;
}

// Defines TYPE_record_create: pack once to measure, allocate, pack again to fill.
#define DEFINE_CREATE(type, KIND)                                                                  \
        struct type##_record *type##_record_create(const struct catalog_##type *in,                \
                                                   uint64_t create_index, uint64_t modify_index)   \
        {                                                                                          \
                struct type##_record scratch = {0};                                                \
                struct packer measured = {0}, p = {0};                                             \
                struct type##_record *r;                                                           \
                                                                                                   \
                pack_##type(&measured, in, &scratch);                                              \
                r = record_get(&measured, sizeof(*r), KIND, create_index, modify_index, &p);       \
                pack_##type(&p, in, r);                                                            \
                assert(p.byte_len == measured.byte_len);                                           \
                return r;                                                                          \
        }

DEFINE_CREATE(node, RECORD_NODE)
DEFINE_CREATE(service, RECORD_SERVICE)
DEFINE_CREATE(check, RECORD_CHECK)
DEFINE_CREATE(query, RECORD_QUERY)
DEFINE_CREATE(session, RECORD_SESSION)

void record_take(const struct record *r)
{
        if (r)
                ((struct record *)r)->ref_count++;
}

void record_release(const struct record *r)
{
        if (r == NULL)
                return;
        assert(r->ref_count > 0);
        if (--((struct record *)r)->ref_count == 0)
                free((void *)r);
}
