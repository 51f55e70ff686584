#include "tests/control/publisher/fake_dataplane.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line {
        char *key;
        char *text;
};

struct lictor_dataplane {
        struct line lines[4096];
        size_t count;
        unsigned commits;
        unsigned writes;
        uint32_t node_ttl_s;
};

struct text {
        char bytes[8192];
        size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        t->len += (size_t)vsnprintf(t->bytes + t->len, sizeof(t->bytes) - t->len, format, args);
        va_end(args);
        if (t->len >= sizeof(t->bytes))
                abort();
}

static void put_address(struct text *t, const char *label, const struct lictor_address *a)
{
        char shown[INET6_ADDRSTRLEN];

        if (a->family != 0)
                put(t, " %s=%s", label,
                    inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, shown, sizeof(shown)));
}

static void lower(char *text)
{
        for (; *text; text++)
                *text = (char)tolower((unsigned char)*text);
}

static size_t find(const struct lictor_dataplane *dp, const char *key)
{
        size_t i = 0;

        while (i < dp->count && strcmp(dp->lines[i].key, key) < 0)
                i++;
        return i;
}

static int drop(struct lictor_dataplane *dp, char *key)
{
        size_t i;

        lower(key);
        dp->writes++;
        i = find(dp, key);
        if (i == dp->count || strcmp(dp->lines[i].key, key) != 0)
                return -ENOENT;
        free(dp->lines[i].key);
        free(dp->lines[i].text);
        dp->count--;
        memmove(&dp->lines[i], &dp->lines[i + 1], (dp->count - i) * sizeof(dp->lines[0]));
        return 0;
}

static void keep(struct lictor_dataplane *dp, char *key, const char *text)
{
        size_t i;

        drop(dp, key);
        i = find(dp, key);
        if (dp->count == sizeof(dp->lines) / sizeof(dp->lines[0]))
                abort();
        memmove(&dp->lines[i + 1], &dp->lines[i], (dp->count - i) * sizeof(dp->lines[0]));
        dp->lines[i] = (struct line){strdup(key), strdup(text)};
        dp->count++;
}

static void put_meta(struct text *t, const struct lictor_meta *meta, size_t count)
{
        for (size_t i = 0; i < count; i++)
                put(t, " %s:%s", meta[i].key, meta[i].value);
}

static void service_key(char *key, size_t len, enum lictor_service_kind kind, const char *name,
                        const char *tag)
{
        snprintf(key, len, "%s %s%s%s", kind == LICTOR_QUERY ? "query" : "service", name,
                 *tag ? " " : "", tag);
}

int lictor_dataplane_create(const struct lictor_zone *zone, struct lictor_dataplane **out)
{
        *out = calloc(1, sizeof(**out));
        return lictor_zone_set(*out, zone);
}

void lictor_dataplane_destroy(struct lictor_dataplane *dp)
{
        for (size_t i = 0; i < dp->count; i++) {
                free(dp->lines[i].key);
                free(dp->lines[i].text);
        }
        free(dp);
}

int lictor_zone_set(struct lictor_dataplane *dp, const struct lictor_zone *zone)
{
        if (strchr(zone->domain, ' '))
                return -EINVAL;
        dp->node_ttl_s = zone->node_ttl_s;
        return 0;
}

int lictor_service_set(struct lictor_dataplane *dp, const struct lictor_service *service)
{
        struct text t = {.len = 0};
        char key[512];

        if (strchr(service->name, '.') && service->kind == LICTOR_SERVICE)
                return -EINVAL;
        put(&t, "ttl=%u", service->ttl_s);
        if (service->datacenter)
                put(&t, " dc=%s", service->datacenter);
        for (size_t i = 0; i < service->instance_count; i++) {
                const struct lictor_instance *s = &service->instances[i];

                put(&t, "%s %s:%u w=%u", i ? ";" : "", s->node, s->port, s->weight);
                if (s->cname)
                        put(&t, " cname=%s", s->cname);
                put_address(&t, "a", &s->ipv4);
                put_address(&t, "aaaa", &s->ipv6);
                put_address(&t, "any", &s->any);
                put(&t, "%s", s->target_by_address ? " addr" : "");
                put_meta(&t, s->meta, s->meta_count);
        }
        service_key(key, sizeof(key), service->kind, service->name, service->tag);
        keep(dp, key, t.bytes);
        return 0;
}

static void put_node(struct text *t, const struct lictor_node *node)
{
        if (node->cname)
                put(t, " cname=%s", node->cname);
        put_address(t, "a", &node->ipv4);
        put_address(t, "aaaa", &node->ipv6);
        put_address(t, "any", &node->any);
        put_meta(t, node->meta, node->meta_count);
}

int lictor_node_set(struct lictor_dataplane *dp, const struct lictor_node *node)
{
        struct text t = {.len = 0};
        char key[512];

        put(&t, "ttl=%u", dp->node_ttl_s);
        put_node(&t, node);
        snprintf(key, sizeof(key), "node %s", node->name);
        keep(dp, key, t.bytes);
        return 0;
}

static void reverse_key(char *key, size_t len, const struct lictor_address *address)
{
        char shown[INET6_ADDRSTRLEN];

        inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, shown, sizeof(shown));
        snprintf(key, len, "reverse %s", shown);
}

int lictor_reverse_set(struct lictor_dataplane *dp, const struct lictor_address *address,
                       const char *target)
{
        char key[512];

        reverse_key(key, sizeof(key), address);
        keep(dp, key, target);
        return 0;
}

int lictor_nameservers_set(struct lictor_dataplane *dp, const struct lictor_node *servers,
                           size_t server_count)
{
        struct text t = {.len = 0};
        char key[] = "nameservers";

        for (size_t i = 0; i < server_count; i++) {
                put(&t, "%s%s", i ? "; " : "", servers[i].name);
                put_node(&t, &servers[i]);
        }
        keep(dp, key, t.bytes);
        return 0;
}

int lictor_service_remove(struct lictor_dataplane *dp, enum lictor_service_kind kind,
                          const char *name, const char *tag)
{
        char key[512];

        service_key(key, sizeof(key), kind, name, tag);
        return drop(dp, key);
}

int lictor_node_remove(struct lictor_dataplane *dp, const char *name)
{
        char key[512];

        snprintf(key, sizeof(key), "node %s", name);
        return drop(dp, key);
}

int lictor_reverse_remove(struct lictor_dataplane *dp, const struct lictor_address *address)
{
        char key[512];

        reverse_key(key, sizeof(key), address);
        return drop(dp, key);
}

void lictor_commit(struct lictor_dataplane *dp)
{
        dp->commits++;
}

const char *fake_get(const struct lictor_dataplane *dp, const char *key)
{
        size_t i = find(dp, key);

        return i < dp->count && strcmp(dp->lines[i].key, key) == 0 ? dp->lines[i].text : NULL;
}

char *fake_dump(const struct lictor_dataplane *dp)
{
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        for (size_t i = 0; i < dp->count; i++)
                fprintf(out, "%s: %s\n", dp->lines[i].key, dp->lines[i].text);
        fclose(out);
        return text;
}

unsigned fake_commits(const struct lictor_dataplane *dp)
{
        return dp->commits;
}

unsigned fake_take_writes(struct lictor_dataplane *dp)
{
        unsigned writes = dp->writes;

        dp->writes = 0;
        return writes;
}
