#include "control/text/json_syntax.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 10000u

enum state {
        VALUE,         // one begins
        VALUE_OR_END,  // or the list ends
        KEY,           // one begins
        KEY_OR_END,    // or the object ends
        AFTER_KEY,     // a colon
        AFTER_MEMBER,  // of an object
        AFTER_ELEMENT, // of a list
        STRING,
        ESCAPE,
        HEX_1,
        HEX_2,
        HEX_3,
        HEX_4,
        MINUS,
        ZERO,
        INTEGER,
        POINT,
        FRACTION,
        EXPONENT,
        EXPONENT_SIGN,
        EXPONENT_DIGITS,
        WORD, // true, false or null
        DONE,
        STATE_COUNT
};

// What is said of a character that no rule takes.
static const char *const places[STATE_COUNT] = {
    [VALUE] = "looking for beginning of value",
    [VALUE_OR_END] = "looking for beginning of value",
    [KEY] = "looking for beginning of object key string",
    [KEY_OR_END] = "looking for beginning of object key string",
    [AFTER_KEY] = "after object key",
    [AFTER_MEMBER] = "after object key:value pair",
    [AFTER_ELEMENT] = "after array element",
    [STRING] = "in string literal",
    [ESCAPE] = "in string escape code",
    [HEX_1] = "in \\u hexadecimal character escape",
    [HEX_2] = "in \\u hexadecimal character escape",
    [HEX_3] = "in \\u hexadecimal character escape",
    [HEX_4] = "in \\u hexadecimal character escape",
    [MINUS] = "in numeric literal",
    [POINT] = "after decimal point in numeric literal",
    [EXPONENT] = "in exponent of numeric literal",
    [EXPONENT_SIGN] = "in exponent of numeric literal",
};

struct scanner {
        enum state state;
        bool in_key;      // the string is one
        const char *word; // that is being read
        size_t word_used;
        unsigned depth;
        uint8_t is_object[(DEPTH_MAX + 8) / 8]; // a bit for each container around
        bool too_deep;
};

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool in_object(const struct scanner *s)
{
        unsigned i = s->depth - 1;

        return (s->is_object[i / 8] >> i % 8 & 1) != 0;
}

static void end_value(struct scanner *s)
{
        s->state = s->depth == 0 ? DONE : in_object(s) ? AFTER_MEMBER : AFTER_ELEMENT;
}

static bool open_container(struct scanner *s, bool object)
{
        unsigned i = s->depth;

        if (i == DEPTH_MAX) {
                s->too_deep = true;
                return false;
        }
        s->is_object[i / 8] =
            (uint8_t)((s->is_object[i / 8] & ~(1u << i % 8)) | (unsigned)object << i % 8);
        s->depth++;
        s->state = object ? KEY_OR_END : VALUE_OR_END;
        return true;
}

static void close_container(struct scanner *s)
{
        s->depth--;
        end_value(s);
}

static bool begin_word(struct scanner *s, const char *word)
{
        s->word = word;
        s->word_used = 1;
        s->state = WORD;
        return true;
}

static bool begin_value(struct scanner *s, char c)
{
        switch (c) {
        case '{':
        case '[':
                return open_container(s, c == '{');
        case '"':
                s->in_key = false;
                s->state = STRING;
                return true;
        case '-':
                s->state = MINUS;
                return true;
        case '0':
                s->state = ZERO;
                return true;
        case 't':
                return begin_word(s, "true");
        case 'f':
                return begin_word(s, "false");
        case 'n':
                return begin_word(s, "null");
        default:
                s->state = is_digit(c) ? INTEGER : s->state;
                return is_digit(c);
        }
}

static bool step_string(struct scanner *s, char c)
{
        if (s->state >= HEX_1 && s->state <= HEX_4) {
                if (!is_hex(c))
                        return false;
                s->state = s->state == HEX_4 ? STRING : s->state + 1;
        } else if (s->state == ESCAPE) {
                if (c == '\0' || strchr("bfnrt\\/\"u", c) == NULL)
                        return false;
                s->state = c == 'u' ? HEX_1 : STRING;
        } else if (c == '\\') {
                s->state = ESCAPE;
        } else if (c == '"') {
                if (s->in_key)
                        s->state = AFTER_KEY;
                else
                        end_value(s);
        } else {
                return (unsigned char)c >= 0x20;
        }
        return true;
}

static bool step_word(struct scanner *s, char c)
{
        if (s->word[s->word_used] != c)
                return false;
        if (s->word[++s->word_used] == '\0')
                end_value(s);
        return true;
}

// Between values.
static bool step_structure(struct scanner *s, char c)
{
        switch (s->state) {
        case VALUE_OR_END:
                if (c != ']')
                        return begin_value(s, c);
                close_container(s);
                return true;
        case KEY_OR_END:
        case KEY:
                if (c == '}' && s->state == KEY_OR_END) {
                        close_container(s);
                        return true;
                }
                if (c != '"')
                        return false;
                s->in_key = true;
                s->state = STRING;
                return true;
        case AFTER_KEY:
                s->state = c == ':' ? VALUE : s->state;
                return c == ':';
        case AFTER_MEMBER:
        case AFTER_ELEMENT:
                if (c == (s->state == AFTER_MEMBER ? '}' : ']'))
                        close_container(s);
                else if (c == ',')
                        s->state = s->state == AFTER_MEMBER ? KEY : VALUE;
                else
                        return false;
                return true;
        default:
                return begin_value(s, c);
        }
}

// Inside a number. returns  whether the character is part of it; state is MINUS etc. when it must.
static bool step_number(struct scanner *s, char c)
{
        static const struct {
                enum state digit, point, exponent, sign; // the next state; DONE: none
        } next[] = {
            // NOLINTNEXTLINE(misc-redundant-expression)
            [MINUS - MINUS] = {INTEGER, DONE, DONE, DONE},
            [ZERO - MINUS] = {DONE, POINT, EXPONENT, DONE},
            [INTEGER - MINUS] = {INTEGER, POINT, EXPONENT, DONE},
            [POINT - MINUS] = {FRACTION, DONE, DONE, DONE},
            [FRACTION - MINUS] = {FRACTION, DONE, EXPONENT, DONE},
            [EXPONENT - MINUS] = {EXPONENT_DIGITS, DONE, DONE, EXPONENT_SIGN},
            [EXPONENT_SIGN - MINUS] = {EXPONENT_DIGITS, DONE, DONE, DONE},
            [EXPONENT_DIGITS - MINUS] = {EXPONENT_DIGITS, DONE, DONE, DONE},
        };
        enum state to = is_digit(c)            ? next[s->state - MINUS].digit
                        : c == '.'             ? next[s->state - MINUS].point
                        : c == 'e' || c == 'E' ? next[s->state - MINUS].exponent
                        : c == '+' || c == '-' ? next[s->state - MINUS].sign
                                               : DONE;

        if (s->state == MINUS && c == '0')
                to = ZERO;
        if (to == DONE)
                return false;
        s->state = to;
        return true;
}

static bool may_end_number(enum state state)
{
        return state == ZERO || state == INTEGER || state == FRACTION || state == EXPONENT_DIGITS;
}

static bool step(struct scanner *s, char c)
{
        if (s->state >= STRING && s->state <= HEX_4)
                return step_string(s, c);
        if (s->state == WORD)
                return step_word(s, c);
        if (s->state >= MINUS && s->state <= EXPONENT_DIGITS) {
                if (step_number(s, c))
                        return true;
                if (!may_end_number(s->state))
                        return false;
                end_value(s);
                if (s->state == DONE)
                        return true;
        }
        return is_space(c) || step_structure(s, c);
}

// A byte in single quotes, as the character of that number.
static void quote(char c, char out[16])
{
        static const char names[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
        const char *name = c != '\0' ? strchr(values, c) : NULL;
        unsigned code = (unsigned char)c;

        if (name != NULL)
                snprintf(out, 16, "'\\%c'", names[name - values]);
        else if (c == '\'')
                snprintf(out, 16, "'\\''");
        else if (code < 0x20 || code == 0x7f)
                snprintf(out, 16, "'\\x%02x'", code);
        else if (code < 0x7f)
                snprintf(out, 16, "'%c'", c);
        else if (code <= 0xa0 || code == 0xad)
                snprintf(out, 16, "'\\u%04x'", code);
        else
                snprintf(out, 16, "'%c%c'", (int)(0xc0 | code >> 6), (int)(0x80 | (code & 63)));
}

static void explain(const struct scanner *s, char c, char *error, size_t size)
{
        char quoted[16];

        quote(c, quoted);
        if (s->too_deep)
                snprintf(error, size, "invalid character %s exceeded max depth", quoted);
        else if (s->state == WORD)
                snprintf(error, size, "invalid character %s in literal %s (expecting '%c')", quoted,
                         s->word, s->word[s->word_used]);
        else
                snprintf(error, size, "invalid character %s %s", quoted, places[s->state]);
}

bool json_syntax_check(const char *text, size_t len, char *error, size_t size)
{
        struct scanner s = {.state = VALUE};
        bool any = false;

        for (size_t i = 0; i < len && s.state != DONE; i++) {
                any = any || !is_space(text[i]);
                if (!step(&s, text[i])) {
                        explain(&s, text[i], error, size);
                        return false;
                }
        }
        if (s.state == DONE || (s.depth == 0 && may_end_number(s.state)))
                return true;
        snprintf(error, size, "%s", any ? "unexpected EOF" : "EOF");
        return false;
}
