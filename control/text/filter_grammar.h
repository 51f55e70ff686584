#ifndef CONTROL_TEXT_FILTER_GRAMMAR_H
#define CONTROL_TEXT_FILTER_GRAMMAR_H

/**
 * The grammar of filter expressions, which decides what is one and how a text that is none is
 * refused: clients see where reading ended and what could have stood there. A parsing expression
 * grammar, as data. Pure.
 */

#include <stddef.h>

enum peg_op {
        PEG_LITERAL,  // text
        PEG_CLASS,    // one character of text, which is written as in a regular expression
        PEG_ANY,      // one character
        PEG_SEQUENCE, // all parts
        PEG_CHOICE,   // the first part that matches
        PEG_REPEAT,   // any number of the part
        PEG_OPTION,   // the part, or nothing
        PEG_AHEAD,    // the part would match here
        PEG_NOT,      // the part would not
        PEG_RULE,     // rules[rule]
        PEG_FAULT,    // never; text says what is wrong
        PEG_QUOTED,   // the part, whose escapes must be Go's
};

struct peg_expr {
        enum peg_op op;
        const char *text;
        const struct peg_expr *const *parts; // ended by NULL
        unsigned rule;
};

struct peg_rule {
        const char *name; // in messages
        const struct peg_expr *body;
};

/** The first rule is where reading begins. */
extern const struct peg_rule filter_rules[];
/**
 * What the first rules match is remembered, which keeps the time in proportion to the text. None of
 * them is looked ahead for.
 */
extern const unsigned filter_remembered_count;

/**
 * Check a text.
 * @error  on failure all that is wrong, a line each, cut to @size.
 * returns  0, -EINVAL or -ENOMEM.
 * context  any thread.
 */
int filter_check(const char *text, char *error, size_t size);

#endif
