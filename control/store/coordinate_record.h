#ifndef CONTROL_STORE_COORDINATE_RECORD_H
#define CONTROL_STORE_COORDINATE_RECORD_H

/** Network coordinates of nodes (Vivaldi): round-trip times are estimated as distances. */

#include "control/store/records.h"

struct byte_buffer;
struct msgpack_reader;
struct arena;

#define COORDINATE_DIMENSIONS 8

struct coordinate {
        double vec[COORDINATE_DIMENSIONS]; /* seconds, as are the others but the error */
        double error;
        double adjustment;
        double height;
};

/* Where a node starts before it has measured anything. */
#define COORDINATE_ORIGIN                                                                          \
        {                                                                                          \
                .error = 1.5, .height = 1e-5                                                       \
        }

/* A plain value; see control/store/records.h for who owns its texts. */
struct catalog_coordinate {
        const char *node;
        const char *segment; /* "" for the only one of a cluster without segments */
        struct coordinate at;
};

struct coordinate_record {
        struct record head;
        struct catalog_coordinate coordinate;
        uint32_t key_len;
        uint8_t key[]; /* lower-cased: node NUL segment; then the texts as given */
};

/** Whether every number is finite. */
bool coordinate_is_valid(const struct coordinate *c);

/** The estimated round-trip time between two, in seconds. */
double coordinate_distance_s(const struct coordinate *a, const struct coordinate *b);

/** Copy a value into a new record with one reference. */
struct coordinate_record *coordinate_record_create(const struct catalog_coordinate *in,
                                                   uint64_t create_index, uint64_t modify_index);

/** Equality of everything but the indexes, to the bit. */
bool catalog_coordinate_equal(const struct catalog_coordinate *a,
                              const struct catalog_coordinate *b);

/** Append one value's only encoding; read one back. returns  0 or -EBADMSG. */
void catalog_coordinate_encode(const struct catalog_coordinate *in, struct byte_buffer *out);
int catalog_coordinate_decode(struct msgpack_reader *r, struct arena *arena,
                              struct catalog_coordinate *out);

#endif
