#include "control/rpc/rpc_methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rpc_method_entry {
        const char *name;
        rpc_serve_fn *serve;
        void *owner;
};

static int compare(struct pack_slice a, const char *b)
{
        size_t length = strlen(b);
        size_t common = a.length < length ? a.length : length;
        int order = common > 0 ? memcmp(a.bytes, b, common) : 0;

        return order != 0 ? order : (a.length > length) - (a.length < length);
}

// Where the first name not before this one is.
static size_t place_of(const struct rpc_methods *methods, struct pack_slice name)
{
        size_t low = 0, high = methods->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare(name, methods->entries[middle].name) > 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool is_at(const struct rpc_methods *methods, size_t place, struct pack_slice name)
{
        return place < methods->count && compare(name, methods->entries[place].name) == 0;
}

int rpc_methods_add(struct rpc_methods *methods, const struct rpc_method *method, void *owner)
{
        struct pack_slice name = pack_slice_of(method->name);
        size_t place = place_of(methods, name);
        struct rpc_method_entry *entries = methods->entries;

        if (!is_at(methods, place, name)) {
                entries = realloc(entries, (methods->count + 1) * sizeof(*entries));
                if (entries == NULL)
                        return -ENOMEM;
                memmove(entries + place + 1, entries + place,
                        (methods->count - place) * sizeof(*entries));
                methods->entries = entries;
                methods->count++;
        }
        entries[place] = (struct rpc_method_entry){method->name, method->serve, owner};
        return 0;
}

void rpc_methods_fini(struct rpc_methods *methods)
{
        free(methods->entries);
        *methods = (struct rpc_methods){0};
}

// The first name of that service, or what follows, stands where its own name with the dot would.
static bool has_service(const struct rpc_methods *methods, struct pack_slice service_and_dot)
{
        size_t place = place_of(methods, service_and_dot);

        return place < methods->count &&
               strncmp((const char *)service_and_dot.bytes, methods->entries[place].name,
                       service_and_dot.length) == 0;
}

rpc_serve_fn *rpc_methods_find(const struct rpc_methods *methods, struct pack_slice name,
                               void **owner, char error[RPC_ERROR_MAX])
{
        size_t place = place_of(methods, name);
        struct pack_slice service = name;
        const char *what;

        if (is_at(methods, place, name)) {
                *owner = methods->entries[place].owner;
                return methods->entries[place].serve;
        }
        while (service.length > 0 && service.bytes[service.length - 1] != '.')
                service.length--;
        what = service.length == 0             ? "service/method request ill-formed:"
               : has_service(methods, service) ? "can't find method"
                                               : "can't find service";
        snprintf(error, RPC_ERROR_MAX, "rpc: %s %.*s", what, (int)name.length,
                 (const char *)name.bytes);
        return NULL;
}
