#include "control/text/utf8.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT     "\xef\xbf\xbd"
#define REPLACEMENT_LEN 3

size_t utf8_sequence(const unsigned char *text, size_t len)
{
        size_t want;
        unsigned char low = 0x80, high = 0xbf;

        if (text[0] < 0x80)
                return 1;
        if (text[0] >= 0xc2 && text[0] <= 0xdf)
                want = 2;
        else if ((text[0] & 0xf0) == 0xe0)
                want = 3;
        else if (text[0] >= 0xf0 && text[0] <= 0xf4)
                want = 4;
        else
                return 0;
        if (text[0] == 0xe0)
                low = 0xa0;
        else if (text[0] == 0xed)
                high = 0x9f;
        else if (text[0] == 0xf0)
                low = 0x90;
        else if (text[0] == 0xf4)
                high = 0x8f;
        if (len < want || text[1] < low || text[1] > high)
                return 0;
        for (size_t i = 2; i < want; i++) {
                if ((text[i] & 0xc0) != 0x80)
                        return 0;
        }
        return want;
}

char *utf8_repair(const char *text, size_t len)
{
        char *repaired = malloc(REPLACEMENT_LEN * len + 1);
        size_t to = 0;

        for (size_t i = 0; repaired != NULL && i < len;) {
                size_t sequence = utf8_sequence((const unsigned char *)text + i, len - i);

                memcpy(repaired + to, sequence > 0 ? text + i : REPLACEMENT,
                       sequence > 0 ? sequence : REPLACEMENT_LEN);
                to += sequence > 0 ? sequence : REPLACEMENT_LEN;
                i += sequence > 0 ? sequence : 1;
        }
        if (repaired != NULL)
                repaired[to] = '\0';
        return repaired;
}
