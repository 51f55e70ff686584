#include "control/text/uri.h"

#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

// Undoes percent escapes in place; a NUL byte would hide what follows it and counts as broken.
static bool unescape(char *text, bool plus_is_space)
{
        char *to = text;

        for (const char *from = text; *from != '\0'; from++) {
                char c = *from;

                if (c == '%') {
                        int high = hex_value(from[1]);
                        int low = high < 0 ? -1 : hex_value(from[2]);

                        if (low < 0 || high + low == 0)
                                return false;
                        c = (char)(high * 16 + low);
                        from += 2;
                } else if (c == '+' && plus_is_space) {
                        c = ' ';
                }
                *to++ = c;
        }
        *to = '\0';
        return true;
}

const char *uri_unescape(char *text)
{
        for (const char *at = strchr(text, '%'); at != NULL; at = strchr(at + 1, '%')) {
                int high = hex_value(at[1]);
                int low = high < 0 ? -1 : hex_value(at[2]);

                if (low < 0 || high + low == 0)
                        return at;
        }
        (void)unescape(text, false);
        return NULL;
}

// Control characters, of ASCII and of Latin 1, and the latter's special space and hyphen are not.
static bool is_printable(const char *text)
{
        for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
                if (*c < 0x20 || *c == 0x7f)
                        return false;
                if (c[0] == 0xc2 && ((c[1] >= 0x80 && c[1] <= 0xa0) || c[1] == 0xad))
                        return false;
        }
        return true;
}

static bool is_clean(const char *path)
{
        for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
                size_t len = strcspn(slash + 1, "/");

                if (len == 0 && slash[1] == '/')
                        return false;
                if (len == 1 && slash[1] == '.')
                        return false;
                if (len == 2 && slash[1] == '.' && slash[2] == '.')
                        return false;
        }
        return true;
}

static size_t count_params(const char *target)
{
        size_t count = 0;

        target = strchr(target, '?');
        while (target != NULL) {
                count++;
                target = strchr(target + 1, '&');
        }
        return count;
}

static void parse_query(char *query, struct uri *out)
{
        while (query != NULL && *query != '\0') {
                char *next = strchr(query, '&');
                char *value;

                if (next != NULL)
                        *next++ = '\0';
                // Once a separator, now refused, so that nobody reads it the other way.
                if (strchr(query, ';') != NULL)
                        out->query_is_broken = true;
                value = strchr(query, '=');
                if (value != NULL)
                        *value++ = '\0';
                if (!unescape(query, true) || (value != NULL && !unescape(value, true))) {
                        out->query_is_broken = true;
                } else if (*query != '\0' || value != NULL) {
                        out->params[out->param_count].key = query;
                        out->params[out->param_count].value = value != NULL ? value : "";
                        out->param_count++;
                }
                query = next;
        }
}

enum uri_verdict uri_parse(const char *target, struct uri *out)
{
        size_t len = strlen(target), param_max = count_params(target);
        char *query;

        if (param_max > URI_PARAM_MAX)
                return URI_TOO_MANY_PARAMS;
        out->param_count = 0;
        out->query_is_broken = false;
        out->storage = malloc(param_max * sizeof(out->params[0]) + len + 1);
        if (out->storage == NULL)
                return URI_NO_MEMORY;
        out->params = out->storage;
        out->path = (char *)(out->params + param_max);
        memcpy(out->path, target, len + 1);
        query = strchr(out->path, '?');
        if (query != NULL)
                *query++ = '\0';
        if (out->path[0] != '/' || !unescape(out->path, false)) {
                uri_fini(out);
                return URI_BAD_ESCAPE;
        }
        out->path_is_clean = is_clean(out->path);
        out->path_is_printable = is_printable(out->path);
        parse_query(query, out);
        return URI_OK;
}

void uri_fini(struct uri *uri)
{
        free(uri->storage);
        uri->storage = NULL;
        uri->path = NULL;
        uri->param_count = 0;
}

const char *uri_param(const struct uri *uri, const char *key)
{
        for (size_t i = 0; i < uri->param_count; i++) {
                if (strcmp(uri->params[i].key, key) == 0)
                        return uri->params[i].value;
        }
        return NULL;
}

char *uri_clean_path(const char *path)
{
        char *clean = malloc(strlen(path) + 2);
        size_t len = 0;

        if (clean == NULL)
                return NULL;
        while (*path != '\0') {
                size_t element = strcspn(path, "/");

                if (element == 2 && path[0] == '.' && path[1] == '.') {
                        while (len > 0 && clean[--len] != '/')
                                ;
                } else if (element > 0 && !(element == 1 && path[0] == '.')) {
                        clean[len++] = '/';
                        memcpy(clean + len, path, element);
                        len += element;
                }
                path += element;
                if (path[0] == '/' && path[1] == '\0')
                        clean[len++] = '/';
                if (*path == '/')
                        path++;
        }
        if (len == 0)
                clean[len++] = '/';
        clean[len] = '\0';
        return clean;
}

// Escapes all but letters, digits and what is named.
static char *escape(const char *path, const char *plain)
{
        static const char digits[] = "0123456789ABCDEF";
        char *escaped = malloc(3 * strlen(path) + 1);
        char *to = escaped;

        if (escaped == NULL)
                return NULL;
        for (; *path != '\0'; path++) {
                unsigned char c = (unsigned char)*path;

                if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr(plain, c) != NULL) {
                        *to++ = (char)c;
                } else {
                        *to++ = '%';
                        *to++ = digits[c >> 4];
                        *to++ = digits[c & 0xf];
                }
        }
        *to = '\0';
        return escaped;
}

char *uri_escape_path(const char *path)
{
        return escape(path, "-_.~$&+,/:;=@");
}

char *uri_escape(const char *text)
{
        return escape(text, "-_.~/");
}
