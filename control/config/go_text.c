#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"

// The character of a JSON string at *text, unescaped; what is beyond ASCII stands as it is.
static void put_string(FILE *out, const char **text)
{
        const char *at = *text + 1;

        for (; *at != '"'; at++) {
                static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
                const char *found;
                unsigned code;

                if (*at != '\\') {
                        fputc(*at, out);
                        continue;
                }
                at++;
                found = strchr(from, *at);
                if (*at == 'u' && sscanf(at + 1, "%4x", &code) == 1) {
                        fputc((int)code, out);
                        at += 4;
                } else {
                        fputc(found != NULL ? to[found - from] : *at, out);
                }
        }
        *text = at;
}

char *go_text(const json_t *value, bool hcl)
{
        char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
        char *text = NULL;
        size_t size;
        FILE *out = json != NULL ? open_memstream(&text, &size) : NULL;
        // Whether an object closes the list HCL puts it into; deeper than 64 nothing does.
        uint64_t wrapped = 0;
        unsigned depth = 0;

        for (const char *at = json; out != NULL && *at != '\0'; at++) {
                bool alone = hcl && *at == '{' && (at == json || at[-1] == ':');

                switch (*at) {
                case '{':
                        wrapped = wrapped << 1 | alone;
                        depth++;
                        fputs(alone ? "[map[" : "map[", out);
                        break;
                case '}':
                        fputs((wrapped & 1) != 0 && depth > 0 ? "]]" : "]", out);
                        wrapped >>= 1;
                        depth--;
                        break;
                case ',':
                        fputc(' ', out);
                        break;
                case '"':
                        put_string(out, &at);
                        break;
                case 'n':
                        fputs("<nil>", out);
                        at += 3;
                        break;
                default:
                        fputc(*at, out);
                }
        }
        free(json);
        if (out != NULL)
                fclose(out);
        return text;
}
