#include <string.h>

#include "control/text/filter_internal.h"
#include "control/text/go_quote.h"

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != '\0' && strchr("_-./:@", c) != NULL) || (unsigned char)c >= 0x80;
}

static char *store(struct filter_lexer *lexer, const char *text, size_t len)
{
        char *copy = lexer->free_space;

        memcpy(copy, text, len);
        copy[len] = '\0';
        lexer->free_space += len + 1;
        return copy;
}

// A string ends at the first quote of its kind, escaped or not.
static bool read_string(struct filter_lexer *lexer, const char **out)
{
        const char *end = strchr(lexer->cursor + 1, *lexer->cursor);
        size_t len;

        *out = lexer->free_space;
        if (end == NULL ||
            !go_unquote(lexer->cursor, (size_t)(end + 1 - lexer->cursor), lexer->free_space, &len))
                return false;
        lexer->cursor = end + 1;
        lexer->free_space += len + 1;
        return true;
}

static void skip_space(struct filter_lexer *lexer)
{
        while (is_space(*lexer->cursor))
                lexer->cursor++;
}

static void add_part(struct filter_token *out, const char *part)
{
        if (out->path_len < FILTER_PATH_MAX)
                out->path[out->path_len] = part;
        out->path_len++;
}

// A dotted word as a path; parts that are empty or too many make it a mere value.
static void split_word(struct filter_lexer *lexer, struct filter_token *out)
{
        const char *part = out->text;

        for (;;) {
                size_t len = strcspn(part, ".");

                if (len == 0) {
                        out->path_len = FILTER_PATH_MAX + 1;
                        return;
                }
                add_part(out, store(lexer, part, len));
                if (part[len] == '\0')
                        return;
                part += len + 1;
        }
}

static const char *skip_word(struct filter_lexer *lexer)
{
        const char *start = lexer->cursor;

        while (is_word(*lexer->cursor))
                lexer->cursor++;
        return start;
}

static void read_word(struct filter_lexer *lexer, struct filter_token *out)
{
        const char *start = skip_word(lexer);

        out->kind = FILTER_TOKEN_WORD;
        out->text = store(lexer, start, (size_t)(lexer->cursor - start));
        split_word(lexer, out);
        // Meta["odd key"] names a key that is no word.
        while (*lexer->cursor == '[') {
                const char *key;

                lexer->cursor++;
                skip_space(lexer);
                if ((*lexer->cursor != '"' && *lexer->cursor != '`') || !read_string(lexer, &key)) {
                        out->kind = FILTER_TOKEN_BAD;
                        return;
                }
                skip_space(lexer);
                // The grammar has seen the bracket.
                lexer->cursor += *lexer->cursor == ']';
                add_part(out, key);
                // ["odd key"].part leads nowhere, but the grammar takes it.
                if (*lexer->cursor == '.') {
                        lexer->cursor++;
                        start = skip_word(lexer);
                        add_part(out, store(lexer, start, (size_t)(lexer->cursor - start)));
                }
        }
        if (out->path_len > FILTER_PATH_MAX)
                out->path_len = 0;
}

void filter_lexer_next(struct filter_lexer *lexer, struct filter_token *out)
{
        *out = (struct filter_token){.kind = FILTER_TOKEN_BAD, .text = ""};
        skip_space(lexer);
        if (*lexer->cursor == '\0') {
                out->kind = FILTER_TOKEN_END;
        } else if (*lexer->cursor == '(' || *lexer->cursor == ')') {
                out->kind = *lexer->cursor++ == '(' ? FILTER_TOKEN_OPEN : FILTER_TOKEN_CLOSE;
        } else if ((*lexer->cursor == '=' || *lexer->cursor == '!') && lexer->cursor[1] == '=') {
                out->kind = *lexer->cursor == '=' ? FILTER_TOKEN_EQUAL : FILTER_TOKEN_NOT_EQUAL;
                lexer->cursor += 2;
        } else if (*lexer->cursor == '"' || *lexer->cursor == '`') {
                if (read_string(lexer, &out->text))
                        out->kind = FILTER_TOKEN_STRING;
        } else if (is_word(*lexer->cursor)) {
                read_word(lexer, out);
        }
}
