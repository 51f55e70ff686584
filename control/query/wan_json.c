#include "control/query/wan_json.h"

#include <stddef.h>

// What an object calls what is replaced.
struct names {
        const char *address, *port, *tagged;
};

static const struct names node_names = {"Address", NULL, "TaggedAddresses"};
static const struct names service_names = {"Address", "Port", "TaggedAddresses"};
static const struct names beside_node = {"ServiceAddress", "ServicePort", "ServiceTaggedAddresses"};

// The address of a tag: itself of a node, in an object of a service. NULL without the tag.
static const char *address_of(const json_t *tagged, const char *tag)
{
        const json_t *value = json_object_get(tagged, tag);
        const char *text = NULL;

        if (json_is_object(value))
                value = json_object_get(value, "Address");
        text = json_string_value(value);
        return value != NULL && text == NULL ? "" : text;
}

static const char *wan_or_lan(const json_t *tagged, const char *wan, const char *lan)
{
        const char *address = address_of(tagged, wan);

        return address != NULL ? address : address_of(tagged, lan);
}

// Consul looks for an address of any family: IPv6 if tagged, else IPv4, else the main one.
static void translate(json_t *object, const struct names *names)
{
        const json_t *tagged = json_object_get(object, names->tagged);
        const char *address = wan_or_lan(tagged, "wan_ipv6", "lan_ipv6");
        const json_t *port;

        if (address == NULL || *address == '\0')
                address = wan_or_lan(tagged, "wan_ipv4", "lan_ipv4");
        if (address == NULL || *address == '\0')
                address = address_of(tagged, "wan");
        if (address != NULL)
                json_object_set_new(object, names->address, json_string(address));
        if (names->port == NULL)
                return;
        port = json_object_get(json_object_get(tagged, "wan"), "Port");
        if (json_integer_value(port) != 0)
                json_object_set_new(object, names->port, json_copy((json_t *)port));
}

static void translate_item(json_t *item)
{
        json_t *node = json_object_get(item, "Node");

        if (json_is_object(node)) {
                json_t *service = json_object_get(item, "Service");

                translate(node, &node_names);
                if (service != NULL)
                        translate(service, &service_names);
        } else if (json_object_get(item, "Address") != NULL) {
                translate(item, &node_names);
                if (json_object_get(item, "ServiceAddress") != NULL)
                        translate(item, &beside_node);
        }
}

static void translate_items(json_t *list)
{
        json_t *item;
        size_t i;

        json_array_foreach(list, i, item) translate_item(item);
}

void wan_json_translate(json_t *answer)
{
        json_t *services = json_object_get(answer, "Services"), *service;
        const char *key;
        size_t i;

        translate_items(answer);
        translate_items(json_object_get(answer, "Nodes"));
        if (services == NULL)
                return;
        translate_item(answer);
        json_array_foreach(services, i, service) translate(service, &service_names);
        json_object_foreach(services, key, service) translate(service, &service_names);
}
