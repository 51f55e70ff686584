#include "control/server/introduction.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD_COUNT 13u

static void put_founders(const struct introduction *in, struct byte_buffer *out)
{
        msgpack_put_array(out, 2 * in->founder_count);
        for (unsigned i = 0; i < in->founder_count; i++) {
                msgpack_put_text(out, in->founders[i].node_id);
                msgpack_put_text(out, in->founders[i].address);
        }
}

void introduction_encode(const struct introduction *in, struct byte_buffer *out)
{
        const struct server_info *own = &in->own;

        msgpack_put_array(out, FIELD_COUNT);
        msgpack_put_text(out, own->name);
        msgpack_put_text(out, own->node_id);
        msgpack_put_text(out, own->address);
        msgpack_put_text(out, own->datacenter);
        msgpack_put_text(out, own->version);
        msgpack_put_uint(out, own->expect);
        msgpack_put_bool(out, own->bootstrap);
        msgpack_put_bool(out, own->empty);
        msgpack_put_bool(out, own->leader);
        msgpack_put_uint(out, own->serf_port);
        msgpack_put_uint(out, own->cluster_id);
        msgpack_put_uint(out, own->candidates);
        put_founders(in, out);
}

static int get_text(struct msgpack_reader *r, char *out, size_t size)
{
        const char *text;
        size_t len;

        if (msgpack_get_text(r, &text, &len) < 0 || len >= size)
                return -EBADMSG;
        memcpy(out, text, len);
        out[len] = '\0';
        return 0;
}

static int get_address(struct msgpack_reader *r, char out[SERVER_ADDRESS_MAX])
{
        char text[SERVER_ADDRESS_MAX];

        if (get_text(r, text, sizeof(text)) < 0 || server_address_parse(text, 0, out) < 0)
                return -EBADMSG;
        return 0;
}

static int get_node_id(struct msgpack_reader *r, char out[37])
{
        if (get_text(r, out, 37) < 0 || strlen(out) != 36)
                return -EBADMSG;
        for (unsigned i = 0; i < 36; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? out[i] != '-' : strchr("0123456789abcdef", out[i]) == NULL)
                        return -EBADMSG;
        }
        return 0;
}

static int get_own(struct msgpack_reader *r, struct server_info *own)
{
        uint64_t expect, serf_port;

        if (get_text(r, own->name, sizeof(own->name)) < 0 || own->name[0] == '\0' ||
            get_node_id(r, own->node_id) < 0 || get_address(r, own->address) < 0 ||
            get_text(r, own->datacenter, sizeof(own->datacenter)) < 0 ||
            get_text(r, own->version, sizeof(own->version)) < 0 ||
            msgpack_get_uint(r, &expect) < 0 || expect > UINT32_MAX ||
            msgpack_get_bool(r, &own->bootstrap) < 0 || msgpack_get_bool(r, &own->empty) < 0 ||
            msgpack_get_bool(r, &own->leader) < 0 || msgpack_get_uint(r, &serf_port) < 0 ||
            serf_port > UINT16_MAX || msgpack_get_uint(r, &own->cluster_id) < 0 ||
            msgpack_get_uint(r, &own->candidates) < 0)
                return -EBADMSG;
        own->expect = (uint32_t)expect;
        own->serf_port = (uint16_t)serf_port;
        return 0;
}

static int get_founders(struct msgpack_reader *r, struct introduction *out)
{
        uint32_t count;

        if (msgpack_get_array(r, &count) < 0 || count > 2 * FOUNDER_MAX || count % 2 != 0)
                return -EBADMSG;
        for (; out->founder_count < count / 2; out->founder_count++) {
                struct founder *founder = &out->founders[out->founder_count];

                if (get_node_id(r, founder->node_id) < 0 || get_address(r, founder->address) < 0)
                        return -EBADMSG;
        }
        return 0;
}

int introduction_decode(const uint8_t *bytes, size_t len, struct introduction *out)
{
        struct msgpack_reader r = {bytes, bytes + len};
        uint32_t fields;

        memset(out, 0, sizeof(*out));
        if (len > INTRODUCTION_BYTES_MAX || msgpack_get_array(&r, &fields) < 0 ||
            fields != FIELD_COUNT || get_own(&r, &out->own) < 0 || get_founders(&r, out) < 0 ||
            !msgpack_at_end(&r))
                return -EBADMSG;
        return 0;
}

static int parse_port(const char *text, uint16_t *port)
{
        char *end;
        unsigned long value;

        if (*text < '0' || *text > '9')
                return -EINVAL;
        value = strtoul(text, &end, 10);
        if (*end != '\0' || value == 0 || value > UINT16_MAX)
                return -EINVAL;
        *port = (uint16_t)value;
        return 0;
}

int server_address_parse(const char *text, uint16_t default_port, char out[SERVER_ADDRESS_MAX])
{
        char host[INET6_ADDRSTRLEN], spelled[INET6_ADDRSTRLEN];
        const char *rest = text, *colon = strchr(text, ':');
        bool bracketed = text[0] == '[';
        // More than one colon without brackets: an IPv6 address alone.
        bool bare = !bracketed && colon != NULL && strchr(colon + 1, ':') != NULL;
        uint8_t address[sizeof(struct in6_addr)];
        uint16_t port = default_port;
        size_t len;
        int family;

        rest += bracketed;
        len = bare ? strlen(rest) : strcspn(rest, bracketed ? "]" : ":");
        if (len >= sizeof(host))
                return -EINVAL;
        memcpy(host, rest, len);
        host[len] = '\0';
        rest += len;
        if (bracketed && *rest++ != ']')
                return -EINVAL;
        if (*rest == ':' ? parse_port(rest + 1, &port) < 0 : *rest != '\0')
                return -EINVAL;
        family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
        if (port == 0 || inet_pton(family, host, address) != 1 ||
            inet_ntop(family, address, spelled, sizeof(spelled)) == NULL)
                return -EINVAL;
        snprintf(out, SERVER_ADDRESS_MAX, family == AF_INET6 ? "[%s]:%u" : "%s:%u", spelled, port);
        return 0;
}
