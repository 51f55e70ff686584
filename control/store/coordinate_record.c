#include "control/store/coordinate_record.h"
#include "control/store/memory.h"
#include "control/store/record_codec.h"
#include "control/store/record_key.h"
#include "lictor/bytes.h"
#include <errno.h>
#include <math.h>
#include <string.h>

// The numbers of a coordinate in the order of its encoding.
#define NUMBERS (COORDINATE_DIMENSIONS + 3)

static void list_numbers(const struct coordinate *c, double out[NUMBERS])
{
        memcpy(out, c->vec, sizeof(c->vec));
        out[COORDINATE_DIMENSIONS] = c->error;
        out[COORDINATE_DIMENSIONS + 1] = c->adjustment;
        out[COORDINATE_DIMENSIONS + 2] = c->height;
}

bool coordinate_is_valid(const struct coordinate *c)
{
        double numbers[NUMBERS];

        list_numbers(c, numbers);
        for (size_t i = 0; i < NUMBERS; i++)
                if (!isfinite(numbers[i]))
                        return false;
        return true;
}

double coordinate_distance_s(const struct coordinate *a, const struct coordinate *b)
{
        double sum = 0, distance, adjusted;

        for (size_t i = 0; i < COORDINATE_DIMENSIONS; i++)
                sum += (a->vec[i] - b->vec[i]) * (a->vec[i] - b->vec[i]);
        distance = sqrt(sum) + a->height + b->height;
        adjusted = distance + a->adjustment + b->adjustment;
        return adjusted > 0 ? adjusted : distance;
}

struct coordinate_record *coordinate_record_create(const struct catalog_coordinate *in,
                                                   uint64_t create_index, uint64_t modify_index)
{
        const char *const parts[] = {in->node, in->segment};
        size_t key_len = record_key_len(parts, ARRAY_LEN(parts));
        size_t node_len = strlen(in->node) + 1;
        size_t segment_len = strlen(in->segment) + 1;
        struct coordinate_record *r = memory_get(sizeof(*r) + key_len + node_len + segment_len);
        char *texts = (char *)r->key + key_len;

        r->head = (struct record){1, RECORD_COORDINATE, create_index, modify_index};
        r->key_len = (uint32_t)key_len;
        record_key_write(r->key, parts, ARRAY_LEN(parts));
        r->coordinate =
            (struct catalog_coordinate){memcpy(texts, in->node, node_len),
                                        memcpy(texts + node_len, in->segment, segment_len), in->at};
        return r;
}

bool catalog_coordinate_equal(const struct catalog_coordinate *a,
                              const struct catalog_coordinate *b)
{
        double x[NUMBERS], y[NUMBERS];

        list_numbers(&a->at, x);
        list_numbers(&b->at, y);
        // Their bits, as encoded: -0 is not 0 here, and a not-a-number is itself.
        for (size_t i = 0; i < NUMBERS; i++)
                if (load_u64(&x[i]) != load_u64(&y[i]))
                        return false;
        return strcmp(a->node, b->node) == 0 && strcmp(a->segment, b->segment) == 0;
}

// Numbers are written as the bits of their IEEE 754 form.
void catalog_coordinate_encode(const struct catalog_coordinate *in, struct byte_buffer *out)
{
        double numbers[NUMBERS];

        list_numbers(&in->at, numbers);
        msgpack_put_array(out, NUMBERS + 2);
        msgpack_put_text(out, in->node);
        msgpack_put_text(out, in->segment);
        for (size_t i = 0; i < NUMBERS; i++) {
                uint64_t bits;

                memcpy(&bits, &numbers[i], sizeof(bits));
                msgpack_put_uint(out, bits);
        }
}

int catalog_coordinate_decode(struct msgpack_reader *r, struct arena *arena,
                              struct catalog_coordinate *out)
{
        double numbers[NUMBERS];
        uint32_t count;

        if (msgpack_get_array(r, &count) < 0 || count != NUMBERS + 2 ||
            arena_decode_text(r, arena, &out->node) < 0 || *out->node == 0 ||
            arena_decode_text(r, arena, &out->segment) < 0)
                return -EBADMSG;
        for (size_t i = 0; i < NUMBERS; i++) {
                uint64_t bits;

                if (msgpack_get_uint(r, &bits) < 0)
                        return -EBADMSG;
                memcpy(&numbers[i], &bits, sizeof(bits));
        }
        memcpy(out->at.vec, numbers, sizeof(out->at.vec));
        out->at.error = numbers[COORDINATE_DIMENSIONS];
        out->at.adjustment = numbers[COORDINATE_DIMENSIONS + 1];
        out->at.height = numbers[COORDINATE_DIMENSIONS + 2];
        return coordinate_is_valid(&out->at) ? 0 : -EBADMSG;
}
