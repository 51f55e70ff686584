#include "control/query/mesh_rules.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATHS_MAX 64

struct faults {
        char lines[MESH_RULES_ERROR_MAX - 32];
        size_t used, count;
};

static void add(struct faults *faults, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct faults *faults, const char *format, ...)
{
        char text[160];
        va_list arguments;
        int len;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        faults->count++;
        len = snprintf(faults->lines + faults->used, sizeof(faults->lines) - faults->used,
                       "\t* %s\n", text);
        // Those that find no room are counted all the same.
        if (len > 0 && faults->used + (size_t)len < sizeof(faults->lines))
                faults->used += (size_t)len;
        else
                faults->lines[faults->used] = '\0';
}

static bool is_name(const char *key, const char *name)
{
        for (;; key++) {
                if (*key == '_')
                        continue;
                if (tolower((unsigned char)*key) != tolower((unsigned char)*name))
                        return false;
                if (*name++ == '\0')
                        return true;
        }
}

static const json_t *find(const json_t *object, const char *name)
{
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)object, key, value)
        {
                if (is_name(key, name))
                        return value;
        }
        return NULL;
}

static const char *text_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(find(object, name));

        return text != NULL ? text : "";
}

static json_int_t number_of(const json_t *object, const char *name)
{
        return json_integer_value(find(object, name));
}

static void check_upstream(const json_t *upstream, struct faults *faults)
{
        const char *type = text_of(upstream, "DestinationType");
        const char *name = text_of(upstream, "DestinationName");
        bool has_port = number_of(upstream, "LocalBindPort") != 0;
        bool has_path = *text_of(upstream, "LocalBindSocketPath") != '\0';

        if (*type != '\0' && strcmp(type, "service") != 0 && strcmp(type, "prepared_query") != 0)
                add(faults, "unknown upstream destination type: \"%.60s\"", type);
        else if (*name == '\0')
                add(faults, "upstream destination name cannot be empty");
        else if (strcmp(name, "*") == 0)
                add(faults, "upstream destination name cannot be a wildcard");
        else if (!has_port && !has_path)
                add(faults,
                    "upstream local bind port or local socket path must be defined and nonzero");
        else if (has_port && has_path)
                add(faults, "only one of upstream local bind port or local socket path can be "
                            "defined and nonzero");
}

static void check_paths(const json_t *paths, struct faults *faults)
{
        json_int_t ports[PATHS_MAX];
        const json_t *path;
        size_t i;

        json_array_foreach(paths, i, path)
        {
                json_int_t port = number_of(path, "ListenerPort");

                if (*text_of(path, "Path") == '\0')
                        add(faults, "expose.paths: empty path exposed");
                for (size_t k = 0; k < i && k < PATHS_MAX; k++) {
                        if (ports[k] != port)
                                continue;
                        add(faults, "expose.paths: duplicate listener ports exposed");
                        break;
                }
                if (i < PATHS_MAX)
                        ports[i] = port;
                if (port <= 0 || port > 65535)
                        add(faults, "expose.paths: invalid listener port: %" JSON_INTEGER_FORMAT,
                            port);
        }
}

static bool is_blank(const char *text)
{
        return text[strspn(text, " \t\r\n\v\f")] == '\0';
}

static void check_proxy(const json_t *service, const json_t *proxy, struct faults *faults)
{
        const char *destination = text_of(proxy, "DestinationServiceName");
        const json_t *upstream;
        size_t i;

        if (is_blank(destination))
                add(faults, "Proxy.DestinationServiceName must be non-empty for Connect proxy "
                            "services");
        if (strcmp(destination, "*") == 0)
                add(faults, "Proxy.DestinationServiceName must not be a wildcard for Connect proxy "
                            "services");
        if (number_of(service, "Port") == 0 && *text_of(service, "SocketPath") == '\0')
                add(faults, "Port or SocketPath must be set for a Connect proxy");
        if (json_is_true(find(find(service, "Connect"), "Native")))
                add(faults, "A Proxy cannot also be Connect Native, only typical services");
        json_array_foreach(find(proxy, "Upstreams"), i, upstream) check_upstream(upstream, faults);
        check_paths(find(find(proxy, "Expose"), "Paths"), faults);
}

static void check_gateway(const json_t *service, const json_t *proxy, const char *kind,
                          struct faults *faults)
{
        static const char *const texts[] = {"DestinationServiceName", "DestinationServiceID",
                                            "LocalServiceAddress"};
        static const char invalid[] = "The Proxy.%s configuration is invalid for a %s";

        if (number_of(service, "Port") == 0 && strcmp(kind, "ingress-gateway") != 0)
                add(faults, "Port must be non-zero for a %s", kind);
        if (json_is_object(find(find(service, "Connect"), "SidecarService")))
                add(faults, "A %s cannot have a sidecar service defined", kind);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (*text_of(proxy, texts[i]) != '\0')
                        add(faults, invalid, texts[i], kind);
        }
        if (number_of(proxy, "LocalServicePort") != 0)
                add(faults, invalid, "LocalServicePort", kind);
        if (*text_of(proxy, "LocalServiceSocketPath") != '\0')
                add(faults, invalid, "LocalServiceSocketPath", kind);
        if (json_array_size(find(proxy, "Upstreams")) > 0)
                add(faults, invalid, "Upstreams", kind);
}

bool mesh_rules_check(const json_t *service, char error[MESH_RULES_ERROR_MAX])
{
        static const char *const gateways[] = {"mesh-gateway", "terminating-gateway",
                                               "ingress-gateway"};
        const char *kind = text_of(service, "Kind");
        const json_t *proxy = find(service, "Proxy");
        struct faults faults = {.lines = ""};

        if (strcmp(kind, "connect-proxy") == 0)
                check_proxy(service, proxy, &faults);
        for (size_t i = 0; i < sizeof(gateways) / sizeof(gateways[0]); i++) {
                if (strcmp(kind, gateways[i]) == 0)
                        check_gateway(service, proxy, kind, &faults);
        }
        snprintf(error, MESH_RULES_ERROR_MAX, "%zu error%s occurred:\n%s\n", faults.count,
                 faults.count == 1 ? "" : "s", faults.lines);
        return faults.count == 0;
}
