#include "control/gossip/coordinate.h"
#include "lictor/random.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define ERROR_MAX        1.5
#define ERROR_WEIGHT     0.25 /* the paper's c_e */
#define PLACE_WEIGHT     0.25 /* the paper's c_c */
#define HEIGHT_MIN       10.0e-6
#define GRAVITY_RHO      150.0
#define ZERO_THRESHOLD   1.0e-6
#define ROUND_TRIP_MAX_S 10.0

void coordinate_init(struct coordinate *c)
{
        *c = (struct coordinate)COORDINATE_ORIGIN;
}

static double magnitude(const double v[COORDINATE_DIMENSIONS])
{
        double sum = 0;

        for (unsigned i = 0; i < COORDINATE_DIMENSIONS; i++)
                sum += v[i] * v[i];
        return sqrt(sum);
}

static void subtract(const double a[], const double b[], double out[])
{
        for (unsigned i = 0; i < COORDINATE_DIMENSIONS; i++)
                out[i] = a[i] - b[i];
}

static double raw_distance_s(const struct coordinate *a, const struct coordinate *b)
{
        double difference[COORDINATE_DIMENSIONS];

        subtract(a->vec, b->vec, difference);
        return magnitude(difference) + a->height + b->height;
}

/* A direction by chance, for two in one place. */
static double random_unit(struct coordinate_client *c)
{
        return (double)(random_next(&c->random) >> 11) / (double)(UINT64_C(1) << 53) - 0.5;
}

/* The unit vector from b to a. returns their distance, 0 when the direction was drawn. */
static double direction(struct coordinate_client *c, const double a[], const double b[],
                        double out[])
{
        double length;

        subtract(a, b, out);
        length = magnitude(out);
        if (length > ZERO_THRESHOLD) {
                for (unsigned i = 0; i < COORDINATE_DIMENSIONS; i++)
                        out[i] /= length;
                return length;
        }
        for (unsigned i = 0; i < COORDINATE_DIMENSIONS; i++)
                out[i] = random_unit(c);
        length = magnitude(out);
        for (unsigned i = 0; i < COORDINATE_DIMENSIONS; i++)
                out[i] = length > ZERO_THRESHOLD ? out[i] / length : i == 0;
        return 0;
}

/* Moves our place by a force, away from the other's for a positive one. */
static void apply_force(struct coordinate_client *c, double force, const struct coordinate *other)
{
        struct coordinate *own = &c->own;
        double unit[COORDINATE_DIMENSIONS];
        double apart = direction(c, own->vec, other->vec, unit);

        for (unsigned i = 0; i < COORDINATE_DIMENSIONS; i++)
                own->vec[i] += unit[i] * force;
        if (apart > ZERO_THRESHOLD) {
                own->height = (own->height + other->height) * force / apart + own->height;
                if (own->height < HEIGHT_MIN)
                        own->height = HEIGHT_MIN;
        }
}

static void update_place(struct coordinate_client *c, const struct coordinate *peer,
                         double round_trip_s)
{
        double distance = coordinate_distance_s(&c->own, peer);
        double trip = round_trip_s > ZERO_THRESHOLD ? round_trip_s : ZERO_THRESHOLD;
        double wrong = fabs(distance - trip) / trip;
        double total = c->own.error + peer->error;
        double weight;

        if (total < ZERO_THRESHOLD)
                total = ZERO_THRESHOLD;
        weight = c->own.error / total;
        c->own.error = ERROR_WEIGHT * weight * wrong + c->own.error * (1 - ERROR_WEIGHT * weight);
        if (c->own.error > ERROR_MAX)
                c->own.error = ERROR_MAX;
        apply_force(c, PLACE_WEIGHT * weight * (trip - distance), peer);
}

static void update_adjustment(struct coordinate_client *c, const struct coordinate *peer,
                              double round_trip_s)
{
        double sum = 0;

        c->adjustments[c->adjustment_at] = round_trip_s - raw_distance_s(&c->own, peer);
        c->adjustment_at = (c->adjustment_at + 1) % COORDINATE_WINDOW;
        for (unsigned i = 0; i < COORDINATE_WINDOW; i++)
                sum += c->adjustments[i];
        c->own.adjustment = sum / (2.0 * COORDINATE_WINDOW);
}

/* Keeps the whole group from drifting away from the origin. */
static void update_gravity(struct coordinate_client *c)
{
        struct coordinate origin;
        double distance;

        coordinate_init(&origin);
        distance = coordinate_distance_s(&origin, &c->own);
        apply_force(c, -pow(distance / GRAVITY_RHO, 2.0), &origin);
}

static double median_with(struct coordinate_samples *samples, double round_trip_s)
{
        double sorted[COORDINATE_LATENCY];
        unsigned count;

        memmove(&samples->round_trip_s[1], &samples->round_trip_s[0],
                (COORDINATE_LATENCY - 1) * sizeof(double));
        samples->round_trip_s[0] = round_trip_s;
        if (samples->count < COORDINATE_LATENCY)
                samples->count++;
        count = samples->count;
        for (unsigned i = 0; i < count; i++) {
                unsigned at = i;

                for (; at > 0 && sorted[at - 1] > samples->round_trip_s[i]; at--)
                        sorted[at] = sorted[at - 1];
                sorted[at] = samples->round_trip_s[i];
        }
        return sorted[count / 2];
}

void coordinate_client_init(struct coordinate_client *c, uint64_t seed)
{
        *c = (struct coordinate_client){.random = seed | 1};
        coordinate_init(&c->own);
}

int coordinate_client_update(struct coordinate_client *c, struct coordinate_samples *samples,
                             const struct coordinate *peer, double round_trip_s)
{
        double trip;

        if (!coordinate_is_valid(peer) || !(round_trip_s >= 0 && round_trip_s <= ROUND_TRIP_MAX_S))
                return -EINVAL;
        trip = median_with(samples, round_trip_s);
        update_place(c, peer, trip);
        update_adjustment(c, peer, trip);
        update_gravity(c);
        if (!coordinate_is_valid(&c->own)) {
                c->resets++;
                coordinate_init(&c->own);
        }
        return 0;
}

void coordinate_put(struct byte_buffer *b, const struct coordinate *c)
{
        pack_put_map(b, 4);
        pack_put_text(b, "Vec");
        pack_put_array(b, COORDINATE_DIMENSIONS);
        for (unsigned i = 0; i < COORDINATE_DIMENSIONS; i++)
                pack_put_float(b, c->vec[i]);
        pack_put_text(b, "Error");
        pack_put_float(b, c->error);
        pack_put_text(b, "Adjustment");
        pack_put_float(b, c->adjustment);
        pack_put_text(b, "Height");
        pack_put_float(b, c->height);
}

static int get_vector(struct msgpack_reader *r, struct coordinate *out)
{
        uint32_t count;

        if (pack_get_array(r, &count) < 0 || count != COORDINATE_DIMENSIONS)
                return -EBADMSG;
        for (unsigned i = 0; i < COORDINATE_DIMENSIONS; i++)
                if (pack_get_float(r, &out->vec[i]) < 0)
                        return -EBADMSG;
        return 0;
}

static int get_part(struct msgpack_reader *r, struct pack_slice name, struct coordinate *out)
{
        if (pack_slice_equal(name, pack_slice_of("Vec")))
                return get_vector(r, out);
        if (pack_slice_equal(name, pack_slice_of("Error")))
                return pack_get_float(r, &out->error);
        if (pack_slice_equal(name, pack_slice_of("Adjustment")))
                return pack_get_float(r, &out->adjustment);
        if (pack_slice_equal(name, pack_slice_of("Height")))
                return pack_get_float(r, &out->height);
        return pack_skip(r);
}

int coordinate_get(struct msgpack_reader *r, struct coordinate *out)
{
        uint32_t pair_count;
        struct pack_slice name;

        coordinate_init(out);
        if (pack_get_map(r, &pair_count) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < pair_count; i++)
                if (pack_get_raw(r, &name) < 0 || get_part(r, name, out) < 0)
                        return -EBADMSG;
        return coordinate_is_valid(out) ? 0 : -EBADMSG;
}
