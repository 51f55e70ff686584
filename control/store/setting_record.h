#ifndef CONTROL_STORE_SETTING_RECORD_H
#define CONTROL_STORE_SETTING_RECORD_H

/**
 * Settings of the whole cluster, by name: what an operator may change while it runs. The value is a
 * text that belongs to whoever knows the name; the store keeps it as it is.
 */

#include "control/store/records.h"

struct byte_buffer;
struct msgpack_reader;
struct arena;

#define SETTING_VALUE_MAX 65536u

/* Names. */
#define SETTING_AUTOPILOT "autopilot" /* control/server/autopilot_json.h */

/* A plain value; see control/store/records.h for who owns its texts. */
struct catalog_setting {
        const char *name;
        const char *value;
};

struct setting_record {
        struct record head;
        struct catalog_setting setting;
        const uint8_t *key; /* the name */
        uint32_t key_len;
        char texts[];
};

/** Copy a value into a new record with one reference. */
struct setting_record *setting_record_create(const struct catalog_setting *in,
                                             uint64_t create_index, uint64_t modify_index);

/** Equality of everything but the indexes. */
bool catalog_setting_equal(const struct catalog_setting *a, const struct catalog_setting *b);

/** Append one value's only encoding; read one back. returns  0 or -EBADMSG. */
void catalog_setting_encode(const struct catalog_setting *in, struct byte_buffer *out);
int catalog_setting_decode(struct msgpack_reader *r, struct arena *arena,
                           struct catalog_setting *out);

#endif
