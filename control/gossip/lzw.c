#include "control/gossip/lzw.h"

#include <errno.h>
#include <string.h>

#define LITERAL_BITS 8u
#define WIDTH_MIN    (LITERAL_BITS + 1)
#define WIDTH_MAX    12u
#define CODE_CLEAR   (1u << LITERAL_BITS)
#define CODE_END     (CODE_CLEAR + 1)
#define CODE_MAX     ((1u << WIDTH_MAX) - 1)
#define CODE_NONE    UINT16_MAX

/* Twice the codes there can be, so that probing ends soon. */
#define SLOT_COUNT (1u << (WIDTH_MAX + 1))

struct encoder {
        struct byte_buffer *out;
        uint32_t bits;
        unsigned bit_count;
        unsigned width;
        unsigned last_code;
        uint32_t keys[SLOT_COUNT]; /* prefix code and byte, plus one: 0 is free */
        uint16_t codes[SLOT_COUNT];
};

static void put_code(struct encoder *e, unsigned code)
{
        e->bits |= code << e->bit_count;
        for (e->bit_count += e->width; e->bit_count >= 8; e->bit_count -= 8) {
                uint8_t byte = (uint8_t)e->bits;

                byte_buffer_append(e->out, &byte, 1);
                e->bits >>= 8;
        }
}

static void clear_table(struct encoder *e)
{
        e->width = WIDTH_MIN;
        e->last_code = CODE_END;
        memset(e->keys, 0, sizeof(e->keys));
}

/* Takes the next code. returns false when there was none left and the table was cleared. */
static bool take_code(struct encoder *e)
{
        e->last_code++;
        if (e->last_code == 1u << e->width)
                e->width++;
        if (e->last_code < CODE_MAX)
                return true;
        put_code(e, CODE_CLEAR);
        clear_table(e);
        return false;
}

static unsigned slot_of(const struct encoder *e, uint32_t key)
{
        unsigned slot = (key * 2654435761u) >> (32 - WIDTH_MAX - 1);

        while (e->keys[slot] != 0 && e->keys[slot] != key + 1)
                slot = (slot + 1) % SLOT_COUNT;
        return slot;
}

void lzw_compress(const uint8_t *bytes, size_t length, struct byte_buffer *out)
{
        struct encoder e = {.out = out};
        unsigned prefix;

        clear_table(&e);
        put_code(&e, CODE_CLEAR);
        prefix = length > 0 ? bytes[0] : CODE_END;
        for (size_t i = 1; i < length; i++) {
                uint32_t key = (uint32_t)prefix << 8 | bytes[i];
                unsigned slot = slot_of(&e, key);

                if (e.keys[slot] != 0) {
                        prefix = e.codes[slot];
                        continue;
                }
                put_code(&e, prefix);
                prefix = bytes[i];
                if (!take_code(&e))
                        continue;
                e.keys[slot] = key + 1;
                e.codes[slot] = (uint16_t)e.last_code;
        }
        if (length > 0) {
                put_code(&e, prefix);
                take_code(&e);
                put_code(&e, CODE_END);
        } else {
                put_code(&e, prefix);
        }
        if (e.bit_count > 0) {
                uint8_t byte = (uint8_t)e.bits;

                byte_buffer_append(out, &byte, 1);
        }
}

struct decoder {
        const uint8_t *at, *end;
        uint32_t bits;
        unsigned bit_count;
        unsigned width;
        unsigned next_code; /* the one the next code read defines, when a code came before it */
        unsigned previous;
        uint16_t prefixes[CODE_MAX + 1];
        uint8_t suffixes[CODE_MAX + 1];
};

static int get_code(struct decoder *d, unsigned *code)
{
        for (; d->bit_count < d->width; d->bit_count += 8) {
                if (d->at == d->end)
                        return -EBADMSG;
                d->bits |= (uint32_t)*d->at++ << d->bit_count;
        }
        *code = d->bits & ((1u << d->width) - 1);
        d->bits >>= d->width;
        d->bit_count -= d->width;
        return 0;
}

static void reset_decoder(struct decoder *d)
{
        d->width = WIDTH_MIN;
        d->next_code = CODE_END;
        d->previous = CODE_NONE;
}

static uint8_t first_byte(const struct decoder *d, unsigned code)
{
        // Codes have at most WIDTH_MAX bits.
        while (code > CODE_CLEAR)
                code = d->prefixes[code & CODE_MAX];
        return (uint8_t)code;
}

/* Writes the string of a code, from its end to its start. */
static int put_string(const struct decoder *d, unsigned code, size_t max, struct byte_buffer *out)
{
        uint8_t string[CODE_MAX + 1];
        size_t at = sizeof(string);

        for (; code > CODE_CLEAR; code = d->prefixes[code])
                string[--at] = d->suffixes[code];
        string[--at] = (uint8_t)code;
        if (sizeof(string) - at > max - out->len)
                return -E2BIG;
        byte_buffer_append(out, string + at, sizeof(string) - at);
        return 0;
}

static void define_code(struct decoder *d, uint8_t suffix)
{
        d->prefixes[d->next_code] = (uint16_t)d->previous;
        d->suffixes[d->next_code] = suffix;
}

static void advance_code(struct decoder *d, unsigned code)
{
        d->previous = code;
        d->next_code++;
        if (d->next_code < 1u << d->width)
                return;
        if (d->width < WIDTH_MAX) {
                d->width++;
        } else {
                // A full table defines nothing more until it is cleared.
                d->previous = CODE_NONE;
                d->next_code--;
        }
}

static int expand_code(struct decoder *d, unsigned code, size_t max, struct byte_buffer *out)
{
        if (code > d->next_code || (code > CODE_CLEAR && d->next_code == CODE_END))
                return -EBADMSG;
        // The code being defined right now is the previous string and its own first byte.
        if (d->previous != CODE_NONE)
                define_code(d, first_byte(d, code == d->next_code ? d->previous : code));
        if (put_string(d, code, max, out) < 0)
                return -E2BIG;
        advance_code(d, code);
        return 0;
}

int lzw_expand(const uint8_t *bytes, size_t length, size_t max, struct byte_buffer *out)
{
        struct decoder d = {.at = bytes};
        size_t limit = out->len + max;
        unsigned code;
        int ret;

        if (length == 0)
                return -EBADMSG;
        d.end = bytes + length;
        reset_decoder(&d);
        while ((ret = get_code(&d, &code)) == 0 && code != CODE_END) {
                if (code == CODE_CLEAR)
                        reset_decoder(&d);
                else if ((ret = expand_code(&d, code, limit, out)) < 0)
                        return ret;
        }
        return ret;
}
