#include "dataplane/dns/dns_build.h"

#include <string.h>

#define STRING_MAX 255u // RFC 1035 section 3.3

// Feeds a text to a build in character-strings, or only counts it.
struct txt {
        struct dns_build *build; // NULL to count
        size_t text_length;
        size_t string_at; // where the open character-string begins
};

static void put(struct txt *txt, char c)
{
        if (txt->build != NULL) {
                if (txt->text_length % STRING_MAX == 0) {
                        txt->string_at = txt->build->records.length;
                        dns_build_data(txt->build, "", 1);
                }
                dns_build_data(txt->build, &c, 1);
                if (txt->build->error == 0)
                        txt->build->records.data[txt->string_at]++;
        }
        txt->text_length++;
}

static bool is_blank(char c)
{
        return c == ' ' || c == '\t';
}

// RFC 1464: a grave accent quotes itself and "=", and blanks at either end of the key.
static void put_key(struct txt *txt, const char *key)
{
        size_t length = strlen(key);
        size_t first = strspn(key, " \t"), last = length;

        while (last > first && is_blank(key[last - 1]))
                last--;
        for (size_t i = 0; i < length; i++) {
                bool outside = i < first || i >= last;

                if (key[i] == '`' || key[i] == '=' || (outside && is_blank(key[i])))
                        put(txt, '`');
                put(txt, key[i]);
        }
}

static void put_value(struct txt *txt, const char *value)
{
        for (; *value != '\0'; value++) {
                if (*value == '`')
                        put(txt, '`');
                put(txt, *value);
        }
}

// Consul gives such a key's value bare, for text that is no attribute.
static bool is_plain_text(const char *key)
{
        static const char prefix[] = "rfc1035-";

        for (size_t i = 0; i < sizeof(prefix) - 1; i++) {
                char c = key[i] >= 'A' && key[i] <= 'Z' ? (char)(key[i] + ('a' - 'A')) : key[i];

                if (c != prefix[i])
                        return false;
        }
        return true;
}

static void put_meta(struct txt *txt, const struct lictor_meta *meta)
{
        if (is_plain_text(meta->key)) {
                for (const char *c = meta->value; *c != '\0'; c++)
                        put(txt, *c);
                return;
        }
        put_key(txt, meta->key);
        put(txt, '=');
        put_value(txt, meta->value);
}

size_t dns_txt_length(const struct lictor_meta *meta)
{
        struct txt txt = {.build = NULL};

        put_meta(&txt, meta);
        if (txt.text_length == 0)
                return 1;
        return txt.text_length + (txt.text_length + STRING_MAX - 1) / STRING_MAX;
}

void dns_build_txt(struct dns_build *build, const struct lictor_meta *meta)
{
        struct txt txt = {.build = build};

        put_meta(&txt, meta);
        if (txt.text_length == 0)
                dns_build_data(build, "", 1);
}
