#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/config/hcl/hcl_internal.h"
#include "control/text/utf8.h"

static const char *const kind_names[] = {
    [HCL_EOF] = "EOF",         [HCL_IDENT] = "IDENT",   [HCL_NUMBER] = "NUMBER",
    [HCL_FLOAT] = "FLOAT",     [HCL_BOOL] = "BOOL",     [HCL_STRING] = "STRING",
    [HCL_HEREDOC] = "HEREDOC", [HCL_LBRACK] = "LBRACK", [HCL_RBRACK] = "RBRACK",
    [HCL_LBRACE] = "LBRACE",   [HCL_RBRACE] = "RBRACE", [HCL_COMMA] = "COMMA",
    [HCL_PERIOD] = "PERIOD",   [HCL_ASSIGN] = "ASSIGN", [HCL_ADD] = "ADD",
    [HCL_SUB] = "SUB",
};

const char *hcl_kind_name(enum hcl_kind kind)
{
        return kind_names[kind];
}

int hcl_fail(struct hcl_error *error, unsigned line, unsigned column, const char *format, ...)
{
        va_list arguments;

        error->line = line;
        error->column = column;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof(error->text), format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static int fail_here(const struct hcl_lexer *lexer, const char *reason)
{
        return hcl_fail(lexer->error, lexer->line, lexer->column, "%s", reason);
}

void hcl_lexer_init(struct hcl_lexer *lexer, const char *text, size_t length,
                    struct hcl_error *error)
{
        *lexer = (struct hcl_lexer){
            .text = text, .length = length, .line = 1, .column = 1, .error = error};
}

// The byte some way ahead; NUL behind the end, which text may not hold.
static char peek(const struct hcl_lexer *lexer, size_t ahead)
{
        return lexer->length - lexer->at > ahead ? lexer->text[lexer->at + ahead] : '\0';
}

static bool at_end(const struct hcl_lexer *lexer)
{
        return lexer->at >= lexer->length;
}

// Columns count characters: the bytes that continue one add nothing.
static void advance(struct hcl_lexer *lexer)
{
        char c = lexer->text[lexer->at++];

        if (c == '\n') {
                lexer->line++;
                lexer->column = 1;
        } else if (((unsigned char)c & 0xc0) != 0x80) {
                lexer->column++;
        }
}

static void advance_by(struct hcl_lexer *lexer, size_t count)
{
        while (count-- > 0 && !at_end(lexer))
                advance(lexer);
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Every character beyond ASCII counts as a letter.
static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
               (unsigned char)c >= 0x80;
}

static int skip_comment(struct hcl_lexer *lexer)
{
        if (peek(lexer, 0) == '/' && peek(lexer, 1) == '*') {
                advance_by(lexer, 2);
                while (!at_end(lexer) && !(peek(lexer, 0) == '*' && peek(lexer, 1) == '/'))
                        advance(lexer);
                if (at_end(lexer))
                        return fail_here(lexer, "comment not terminated");
                advance_by(lexer, 2);
                return 0;
        }
        if (peek(lexer, 0) == '/' && peek(lexer, 1) != '/')
                return fail_here(lexer, "expected '/' for comment");
        while (!at_end(lexer) && peek(lexer, 0) != '\n')
                advance(lexer);
        return 0;
}

static int skip_blanks(struct hcl_lexer *lexer)
{
        while (!at_end(lexer)) {
                char c = peek(lexer, 0);

                if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
                        advance(lexer);
                } else if (c == '#' || c == '/') {
                        if (skip_comment(lexer) < 0)
                                return -EINVAL;
                } else {
                        break;
                }
        }
        return 0;
}

static void skip_digits(struct hcl_lexer *lexer)
{
        while (is_digit(peek(lexer, 0)))
                advance(lexer);
}

// Decimal, hexadecimal (0x), octal (a leading 0), or with a fraction or exponent.
static int scan_number(struct hcl_lexer *lexer, enum hcl_kind *kind)
{
        size_t start;

        *kind = HCL_NUMBER;
        if (peek(lexer, 0) == '-')
                advance(lexer);
        start = lexer->at;
        if (peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X')) {
                advance_by(lexer, 2);
                if (!is_hex(peek(lexer, 0)))
                        return fail_here(lexer, "illegal hexadecimal number");
                while (is_hex(peek(lexer, 0)))
                        advance(lexer);
                return 0;
        }
        skip_digits(lexer);
        if (peek(lexer, 0) == '.') {
                *kind = HCL_FLOAT;
                advance(lexer);
                skip_digits(lexer);
        }
        if (peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') {
                *kind = HCL_FLOAT;
                advance(lexer);
                if (peek(lexer, 0) == '-' || peek(lexer, 0) == '+')
                        advance(lexer);
                if (!is_digit(peek(lexer, 0)))
                        return fail_here(lexer, "illegal exponent");
                skip_digits(lexer);
        }
        if (*kind == HCL_NUMBER && lexer->text[start] == '0') {
                for (size_t i = start; i < lexer->at; i++) {
                        if (lexer->text[i] > '7')
                                return fail_here(lexer, "illegal octal number");
                }
        }
        return 0;
}

// Inside ${ } quotes and line ends belong to the string. Escapes are read with the value.
static int scan_string(struct hcl_lexer *lexer)
{
        unsigned braces = 0;

        advance(lexer);
        while (!at_end(lexer)) {
                char c = peek(lexer, 0);

                if (c == '\n' && braces == 0)
                        break;
                if (c == '"' && braces == 0) {
                        advance(lexer);
                        return 0;
                }
                if (c == '\\' && peek(lexer, 1) != '\n')
                        advance(lexer);
                else if (braces == 0 && c == '$' && peek(lexer, 1) == '{')
                        braces++, advance(lexer);
                else if (braces > 0 && c == '{')
                        braces++;
                else if (braces > 0 && c == '}')
                        braces--;
                advance_by(lexer, 1);
        }
        return fail_here(lexer, "literal not terminated");
}

// Whether the line holds the anchor and nothing but blanks before it.
static bool is_anchor_line(const char *line, size_t length, const char *anchor,
                           size_t anchor_length)
{
        size_t blanks = 0;

        while (length > 0 && line[length - 1] == '\r')
                length--;
        while (blanks < length && strchr(" \t\v\f\r", line[blanks]) != NULL)
                blanks++;
        return length - blanks == anchor_length &&
               memcmp(line + blanks, anchor, anchor_length) == 0;
}

// "<<ANCHOR" or "<<-ANCHOR", lines, and a line with the anchor alone.
static int scan_heredoc(struct hcl_lexer *lexer)
{
        const char *anchor, *line;
        size_t anchor_length;

        advance(lexer);
        if (peek(lexer, 0) != '<')
                return fail_here(lexer, "heredoc expected second '<', didn't see it");
        advance(lexer);
        if (peek(lexer, 0) == '-')
                advance(lexer);
        anchor = lexer->text + lexer->at;
        while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
                advance(lexer);
        anchor_length = (size_t)(lexer->text + lexer->at - anchor);
        if (peek(lexer, 0) == '\r' && peek(lexer, 1) == '\n')
                advance(lexer);
        if (at_end(lexer))
                return fail_here(lexer, "heredoc not terminated");
        if (peek(lexer, 0) != '\n')
                return fail_here(lexer, "invalid characters in heredoc anchor");
        if (anchor_length == 0)
                return fail_here(lexer, "zero-length heredoc anchor");
        do {
                advance(lexer);
                line = lexer->text + lexer->at;
                while (!at_end(lexer) && peek(lexer, 0) != '\n')
                        advance(lexer);
                if (is_anchor_line(line, (size_t)(lexer->text + lexer->at - line), anchor,
                                   anchor_length))
                        return 0;
        } while (!at_end(lexer));
        return fail_here(lexer, "heredoc not terminated");
}

static void scan_identifier(struct hcl_lexer *lexer)
{
        while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)) || peek(lexer, 0) == '-' ||
               peek(lexer, 0) == '.')
                advance(lexer);
}

static int scan_mark(struct hcl_lexer *lexer, enum hcl_kind *kind)
{
        static const char marks[] = "[]{},.=+-";
        static const enum hcl_kind kinds[] = {HCL_LBRACK, HCL_RBRACK, HCL_LBRACE,
                                              HCL_RBRACE, HCL_COMMA,  HCL_PERIOD,
                                              HCL_ASSIGN, HCL_ADD,    HCL_SUB};
        const char *mark = memchr(marks, peek(lexer, 0), sizeof(marks) - 1);

        if (mark == NULL)
                return fail_here(lexer, "illegal char");
        *kind = kinds[mark - marks];
        advance(lexer);
        return 0;
}

static int check_character(const struct hcl_lexer *lexer)
{
        for (size_t i = lexer->at; i < lexer->length;) {
                size_t bytes =
                    utf8_sequence((const unsigned char *)lexer->text + i, lexer->length - i);

                if (bytes == 0)
                        return fail_here(lexer, "illegal UTF-8 encoding");
                if (lexer->text[i] == '\0')
                        return fail_here(lexer, "unexpected null character (0x00)");
                i += bytes;
        }
        return 0;
}

int hcl_lexer_next(struct hcl_lexer *lexer, struct hcl_token *out)
{
        int ret = lexer->at == 0 ? check_character(lexer) : 0;
        char c;

        if (ret == 0)
                ret = skip_blanks(lexer);
        if (ret < 0)
                return ret;
        *out = (struct hcl_token){.kind = HCL_EOF,
                                  .text = lexer->text + lexer->at,
                                  .line = lexer->line,
                                  .column = lexer->column};
        if (at_end(lexer))
                return 0;
        c = peek(lexer, 0);
        if (is_letter(c)) {
                out->kind = HCL_IDENT;
                scan_identifier(lexer);
        } else if (is_digit(c) || ((c == '-' || c == '.') && is_digit(peek(lexer, 1)))) {
                ret = scan_number(lexer, &out->kind);
        } else if (c == '"') {
                out->kind = HCL_STRING;
                ret = scan_string(lexer);
        } else if (c == '<') {
                out->kind = HCL_HEREDOC;
                ret = scan_heredoc(lexer);
        } else {
                ret = scan_mark(lexer, &out->kind);
        }
        out->length = (size_t)(lexer->text + lexer->at - out->text);
        if (out->kind == HCL_IDENT && ((out->length == 4 && memcmp(out->text, "true", 4) == 0) ||
                                       (out->length == 5 && memcmp(out->text, "false", 5) == 0)))
                out->kind = HCL_BOOL;
        return ret;
}
