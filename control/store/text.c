#include "control/store/text.h"

uint8_t *text_put_lower(uint8_t *at, const char *text)
{
        for (; *text; text++)
                *at++ = text_lower_byte((uint8_t)*text);
        return at;
}

int text_compare_fold(const char *a, const char *b)
{
        const uint8_t *x = (const uint8_t *)a;
        const uint8_t *y = (const uint8_t *)b;

        while (*x && text_lower_byte(*x) == text_lower_byte(*y)) {
                x++;
                y++;
        }
        return (int)text_lower_byte(*x) - (int)text_lower_byte(*y);
}
