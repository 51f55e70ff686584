#ifndef CONTROL_STORE_RECORDS_H
#define CONTROL_STORE_RECORDS_H

/**
 * What the catalog holds: nodes, services, checks, prepared queries and sessions. The key/value
 * store's records are in control/store/kv_record.h,
 * network coordinates in control/store/coordinate_record.h.
 *
 * The structs named catalog_* are plain values whose texts and arrays belong to somebody else: a
 * caller fills one to make a command, the decoder fills one from its arena, and a record carries
 * one whose memory is part of the record's own block. Texts are NUL-terminated UTF-8 and never
 * NULL; "" stands for "not given". A struct of all zeroes is not valid: start from the *_INIT
 * value.
 *
 * Records are immutable once created and reference-counted by one thread (plain counters). Only the
 * count changes, so another thread may read a record for as long as the owner's thread keeps a
 * reference for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_list {
        const char *const *items; /* order is kept: Consul shows tags as registered */
        uint32_t count;
};

struct text_pair {
        const char *key;
        const char *value;
};

/* In records sorted by key (bytes), keys unique; commands may have any order, the encoder sorts. */
struct text_map {
        const struct text_pair *pairs;
        uint32_t count;
};

struct service_address {
        const char *key; /* "lan_ipv4", "wan", ... */
        const char *address;
        int32_t port;
};

/* Ordered as text_map is. */
struct service_address_map {
        const struct service_address *items;
        uint32_t count;
};

struct catalog_node {
        const char *id; /* UUID or "" */
        const char *name;
        const char *address;
        const char *datacenter;
        struct text_map tagged_addresses;
        struct text_map meta;
};

struct catalog_service {
        const char *node; /* name of the node it runs on */
        const char *kind; /* "" for an ordinary service */
        const char *id;   /* unique on its node; "" takes the name */
        const char *name;
        const char *address; /* "" means the node's */
        const char *socket_path;
        const char *proxy_json;   /* carried as given, "" when not given */
        const char *connect_json; /* likewise */
        struct text_list tags;
        struct service_address_map tagged_addresses;
        struct text_map meta;
        int32_t port;
        int32_t weight_passing; /* both weights 0: not given, taken as 1 and 1 */
        int32_t weight_warning;
        bool enable_tag_override;
};

struct catalog_check {
        const char *node;
        const char *id; /* unique on its node; "" takes the name */
        const char *name;
        const char *status; /* "passing", "warning", "critical"; "" is critical */
        const char *notes;
        const char *output;
        const char *service_id;        /* "" for a check of the node itself */
        const char *service_name;      /* filled from the service when applied */
        struct text_list service_tags; /* likewise */
        const char *type;
        const char *interval; /* duration text */
        const char *timeout;
        const char *definition_json; /* carried as given, "" when not given */
        int32_t exposed_port;
};

struct catalog_query {
        const char *id; /* UUID, made by the proposer */
        const char *name;
        const char *session;
        const char *token;
        const char *template_type; /* "" for a plain query */
        const char *template_regexp;
        const char *service;   /* name of the service it selects */
        struct text_list tags; /* "!tag" excludes */
        struct text_list ignore_check_ids;
        struct text_map node_meta;
        struct text_map service_meta;
        const char *near;
        const char *raw_json; /* the whole definition as the API shows it, without indexes */
        int32_t dns_ttl_s;    /* -1: not given, the service's TTL applies */
        bool only_passing;
};

struct catalog_session {
        const char *id; /* UUID, made by the proposer */
        const char *name;
        const char *node;
        const char *behavior; /* what happens to held keys: "release" or "delete" */
        const char *ttl;      /* duration as given, "" for none */
        int64_t lock_delay_ns;
        struct text_list checks; /* ids of the node's checks, as clients before Consul 1.7 gave */
        struct text_list node_checks;              /* likewise, as they do now */
        struct text_list service_checks;           /* ids of checks of the node's services */
        struct text_list service_check_namespaces; /* as many; carried as given */
        bool node_checks_null;                     /* given as null: shown so */
        bool service_checks_given;                 /* an empty list is shown as such */
};

#define CATALOG_NODE_INIT                                                                          \
        {                                                                                          \
                .id = "", .name = "", .address = "", .datacenter = ""                              \
        }
#define CATALOG_SERVICE_INIT                                                                       \
        {                                                                                          \
                .node = "", .kind = "", .id = "", .name = "", .address = "", .socket_path = "",    \
                .proxy_json = "", .connect_json = ""                                               \
        }
#define CATALOG_CHECK_INIT                                                                         \
        {                                                                                          \
                .node = "", .id = "", .name = "", .status = "", .notes = "", .output = "",         \
                .service_id = "", .service_name = "", .type = "", .interval = "", .timeout = "",   \
                .definition_json = ""                                                              \
        }
#define CATALOG_QUERY_INIT                                                                         \
        {                                                                                          \
                .id = "", .name = "", .session = "", .token = "", .template_type = "",             \
                .template_regexp = "", .service = "", .near = "", .raw_json = "", .dns_ttl_s = -1  \
        }

#define CATALOG_SESSION_INIT                                                                       \
        {                                                                                          \
                .id = "", .name = "", .node = "", .behavior = "", .ttl = ""                        \
        }

enum record_kind {
        RECORD_NODE,
        RECORD_SERVICE,
        RECORD_CHECK,
        RECORD_QUERY,
        RECORD_KV,
        RECORD_TOMBSTONE,
        RECORD_SESSION,
        RECORD_COORDINATE,
        RECORD_SETTING
};

/* The part every record begins with. */
struct record {
        uint32_t ref_count;
        uint32_t kind; /* enum record_kind */
        uint64_t create_index;
        uint64_t modify_index;
};

/*
 * The byte strings named *_key are what the store's indexes are ordered by. They lie one inside the
 * other, each a suffix of the longer one, so a record holds them once. A NUL follows each.
 */
struct node_record {
        struct record head;
        struct catalog_node node;
        const uint8_t *name_key; /* lower-cased name */
        uint32_t name_key_len;
        uint32_t address_key_len; /* 0 when the address is not an IP address */
        const uint8_t *address_key;
};

struct service_record {
        struct record head;
        struct catalog_service service;
        const uint8_t *instance_key; /* node NUL id */
        const uint8_t *name_key;     /* name NUL node NUL id */
        const uint8_t *address_key;  /* address bytes, then name_key */
        uint32_t instance_key_len;
        uint32_t name_key_len;
        uint32_t address_key_len; /* 0 when there is no address of its own */
};

struct check_record {
        struct record head;
        struct catalog_check check;
        const uint8_t *check_key;    /* node NUL check id */
        const uint8_t *service_key;  /* service name NUL node NUL check id */
        const uint8_t *instance_key; /* node NUL service id NUL check id */
        uint32_t check_key_len;
        uint32_t service_key_len; /* 0 for a check of the node itself */
        uint32_t instance_key_len;
};

struct query_record {
        struct record head;
        struct catalog_query query;
        const uint8_t *id_key;      /* lower-cased id */
        const uint8_t *name_key;    /* lower-cased name */
        const uint8_t *service_key; /* service name NUL id */
        uint32_t id_key_len;
        uint32_t name_key_len; /* 0 without a name */
        uint32_t service_key_len;
};

/* Created and destroyed, never changed. */
struct session_record {
        struct record head;
        struct catalog_session session;
        const uint8_t *id_key;   /* lower-cased id */
        const uint8_t *node_key; /* node NUL id */
        uint32_t id_key_len;
        uint32_t node_key_len;
};

/**
 * Copy a value into a new record, one block each.
 * @in       texts not NULL, maps sorted by key; borrowed.
 * returns   the record with one reference; memory that cannot be had ends the process.
 */
struct node_record *node_record_create(const struct catalog_node *in, uint64_t create_index,
                                       uint64_t modify_index);
struct service_record *service_record_create(const struct catalog_service *in,
                                             uint64_t create_index, uint64_t modify_index);
struct check_record *check_record_create(const struct catalog_check *in, uint64_t create_index,
                                         uint64_t modify_index);
struct query_record *query_record_create(const struct catalog_query *in, uint64_t create_index,
                                         uint64_t modify_index);
struct session_record *session_record_create(const struct catalog_session *in,
                                             uint64_t create_index, uint64_t modify_index);

/** Take or give back one reference; a record goes with its last one. NULL is let pass. */
void record_take(const struct record *r);
void record_release(const struct record *r);

/** Equality of everything but the indexes. */
bool catalog_node_equal(const struct catalog_node *a, const struct catalog_node *b);
bool catalog_service_equal(const struct catalog_service *a, const struct catalog_service *b);
bool catalog_check_equal(const struct catalog_check *a, const struct catalog_check *b);
bool catalog_query_equal(const struct catalog_query *a, const struct catalog_query *b);
bool catalog_session_equal(const struct catalog_session *a, const struct catalog_session *b);

/** The value under a key of a sorted map, or NULL. */
const char *text_map_get(const struct text_map *map, const char *key);
const char *service_address_get(const struct service_address_map *map, const char *key);

/** Whether the list holds the text, letter case of ASCII aside. */
bool text_list_has(const struct text_list *list, const char *text);

#endif
