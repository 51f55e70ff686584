#ifndef CONTROL_TEXT_FILTER_INTERNAL_H
#define CONTROL_TEXT_FILTER_INTERNAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stddef.h>

#include "control/text/filter.h"

#define FILTER_PATH_MAX 6
#define FILTER_NODE_MAX 256

enum filter_type {
        FILTER_TEXT,
        FILTER_NUMBER,
        FILTER_BOOL,
        FILTER_LIST,    // of texts
        FILTER_MAP,     // of texts
        FILTER_OBJECTS, // a list of objects
        FILTER_STRUCT,  // an object of known fields, which no test takes
};

enum filter_operator {
        FILTER_EQUAL,
        FILTER_NOT_EQUAL,
        FILTER_IN,
        FILTER_NOT_IN,
        FILTER_MATCHES,
        FILTER_NOT_MATCHES,
        FILTER_EMPTY,
        FILTER_NOT_EMPTY,
        FILTER_AND,
        FILTER_OR,
        FILTER_NOT,
        FILTER_PARENTHESIS, // only while parsing
};

// A test of a field, or a connection of the results before it: the program is in postfix order.
struct filter_node {
        enum filter_operator op;
        enum filter_type type;
        const char *path[FILTER_PATH_MAX];
        size_t path_len;
        bool in_map; // the path leads through a map, which may lack it
        const char *value;
        long long number;
        bool flag;
        pcre2_code *regexp;
};

struct filter {
        char *strings; // what paths and values point into
        size_t node_count;
        struct filter_node nodes[FILTER_NODE_MAX];
};

enum filter_token_kind {
        FILTER_TOKEN_END,
        FILTER_TOKEN_WORD,   // may be a selector, a value or a keyword
        FILTER_TOKEN_STRING, // quoted: only a value
        FILTER_TOKEN_EQUAL,
        FILTER_TOKEN_NOT_EQUAL,
        FILTER_TOKEN_OPEN,
        FILTER_TOKEN_CLOSE,
        FILTER_TOKEN_BAD,
};

struct filter_token {
        enum filter_token_kind kind;
        const char *text;
        const char *path[FILTER_PATH_MAX]; // of a word, as a selector
        size_t path_len;                   // 0: it cannot be one
};

struct filter_lexer {
        const char *cursor;
        char *free_space; // in the filter's strings, which are twice as long as the text
};

// filter_lexer.c
void filter_lexer_next(struct filter_lexer *lexer, struct filter_token *out);

// filter_select.c: the type of a path, or -1 when it is not among the selectors.
// *in_map tells whether it leads into a map.
int filter_select(const char *const *selectors, const char *const path[], size_t path_len,
                  bool *in_map);

#endif
