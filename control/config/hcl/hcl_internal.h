#ifndef LICTOR_CONFIG_HCL_INTERNAL_H
#define LICTOR_CONFIG_HCL_INTERNAL_H

#include <stdbool.h>

#include "control/config/hcl/hcl.h"

enum hcl_kind {
        HCL_EOF,
        HCL_IDENT,
        HCL_NUMBER,
        HCL_FLOAT,
        HCL_BOOL,
        HCL_STRING,
        HCL_HEREDOC,
        HCL_LBRACK,
        HCL_RBRACK,
        HCL_LBRACE,
        HCL_RBRACE,
        HCL_COMMA,
        HCL_PERIOD,
        HCL_ASSIGN,
        HCL_ADD,
        HCL_SUB
};

/* Text as written, quotes and anchors included; borrowed from the source. */
struct hcl_token {
        enum hcl_kind kind;
        const char *text;
        size_t length;
        unsigned line, column;
};

struct hcl_lexer {
        const char *text;
        size_t length;
        size_t at;
        unsigned line, column; /* of the character at @at */
        struct hcl_error *error;
};

/** A kind's name as error lines show it, e.g. "LBRACE". */
const char *hcl_kind_name(enum hcl_kind kind);

void hcl_lexer_init(struct hcl_lexer *lexer, const char *text, size_t length,
                    struct hcl_error *error);

/** The next token; comments and blanks are passed over. returns 0, or -EINVAL with the error set.
 */
int hcl_lexer_next(struct hcl_lexer *lexer, struct hcl_token *out);

/** What a literal's token says. returns a new reference, or NULL with the error set. */
json_t *hcl_literal_value(const struct hcl_token *token, struct hcl_error *error);

/** Set an error's position and text. returns -EINVAL. */
int hcl_fail(struct hcl_error *error, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
