#include "control/text/filter_grammar.h"

#define E(kind, ...) (&(const struct peg_expr){.op = (kind), __VA_ARGS__})
#define PARTS(...)                                                                                 \
        .parts = (const struct peg_expr *const[])                                                  \
        {                                                                                          \
                __VA_ARGS__, NULL                                                                  \
        }
#define LIT(s)    E(PEG_LITERAL, .text = (s))
#define CLASS(s)  E(PEG_CLASS, .text = (s))
#define ANY       E(PEG_ANY, .text = ".")
#define SEQ(...)  E(PEG_SEQUENCE, PARTS(__VA_ARGS__))
#define OR(...)   E(PEG_CHOICE, PARTS(__VA_ARGS__))
#define ANY_OF(x) E(PEG_REPEAT, PARTS(x))
#define MAYBE(x)  E(PEG_OPTION, PARTS(x))
#define AHEAD(x)  E(PEG_AHEAD, PARTS(x))
#define NOT(x)    E(PEG_NOT, PARTS(x))
#define FAULT(s)  E(PEG_FAULT, .text = (s))
#define QUOTED(x) E(PEG_QUOTED, PARTS(x))
#define RULE(r)   E(PEG_RULE, .rule = R_##r)

enum {
        R_INPUT,
        R_ANY_OF_TWO,
        R_BOTH,
        R_NEGATION,
        R_GROUPING,
        R_MATCH,
        R_FIELD_AND_VALUE,
        R_FIELD,
        R_VALUE_IN_FIELD,
        R_EQUAL,
        R_NOT_EQUAL,
        R_IS_EMPTY,
        R_IS_NOT_EMPTY,
        R_IN,
        R_NOT_IN,
        R_CONTAINS,
        R_NOT_CONTAINS,
        R_MATCHES,
        R_NOT_MATCHES,
        R_SELECTOR,
        R_NAME,
        R_STEP,
        R_INDEX,
        R_VALUE,
        R_NUMBER,
        R_NUMBER_END,
        R_DIGITS,
        R_STRING,
        R_SPACE,
        R_END,
        R_COUNT
};

#define SPACE         RULE(SPACE)
#define SPACES        MAYBE(RULE(SPACE))
#define DIGIT         CLASS("[0-9]")
#define RAW           ANY_OF(SEQ(NOT(LIT("`")), ANY))
#define COOKED        ANY_OF(SEQ(NOT(LIT("\"")), ANY))
#define WORDS_2(a, b) SEQ(SPACE, LIT(a), SPACE, LIT(b), SPACE)

const struct peg_rule filter_rules[R_COUNT] = {
    [R_INPUT] = {"Input", OR(SEQ(SPACES, LIT("("), SPACES, RULE(ANY_OF_TWO), SPACES, LIT(")"),
                                 SPACES, RULE(END)),
                             SEQ(SPACES, RULE(ANY_OF_TWO), SPACES, RULE(END)))},
    [R_ANY_OF_TWO] = {"OrExpression",
                      OR(SEQ(RULE(BOTH), SPACE, LIT("or"), SPACE, RULE(ANY_OF_TWO)), RULE(BOTH))},
    [R_BOTH] = {"AndExpression",
                OR(SEQ(RULE(NEGATION), SPACE, LIT("and"), SPACE, RULE(BOTH)), RULE(NEGATION))},
    [R_NEGATION] = {"NotExpression", OR(SEQ(LIT("not"), SPACE, RULE(NEGATION)), RULE(GROUPING))},
    [R_GROUPING] = {"\"grouping\"",
                    OR(SEQ(LIT("("), SPACES, RULE(ANY_OF_TWO), SPACES, LIT(")")), RULE(MATCH),
                       SEQ(LIT("("), SPACES, RULE(ANY_OF_TWO), SPACES, NOT(LIT(")")),
                           FAULT("Unmatched parentheses")))},
    [R_MATCH] = {"\"match\"", OR(RULE(FIELD_AND_VALUE), RULE(FIELD), RULE(VALUE_IN_FIELD))},
    [R_FIELD_AND_VALUE] = {"\"match\"",
                           SEQ(RULE(SELECTOR),
                               OR(RULE(EQUAL), RULE(NOT_EQUAL), RULE(CONTAINS), RULE(NOT_CONTAINS),
                                  RULE(MATCHES), RULE(NOT_MATCHES)),
                               RULE(VALUE))},
    [R_FIELD] = {"\"match\"", SEQ(RULE(SELECTOR), OR(RULE(IS_EMPTY), RULE(IS_NOT_EMPTY)))},
    [R_VALUE_IN_FIELD] = {"\"match\"",
                          OR(SEQ(RULE(VALUE), OR(RULE(IN), RULE(NOT_IN)), RULE(SELECTOR)),
                             SEQ(RULE(VALUE), OR(RULE(IN), RULE(NOT_IN)), NOT(RULE(SELECTOR)),
                                 FAULT("Invalid selector")))},
    [R_EQUAL] = {"MatchEqual", SEQ(SPACES, LIT("=="), SPACES)},
    [R_NOT_EQUAL] = {"MatchNotEqual", SEQ(SPACES, LIT("!="), SPACES)},
    [R_IS_EMPTY] = {"MatchIsEmpty", SEQ(SPACE, LIT("is"), SPACE, LIT("empty"))},
    [R_IS_NOT_EMPTY] = {"MatchIsNotEmpty",
                        SEQ(SPACE, LIT("is"), SPACE, LIT("not"), SPACE, LIT("empty"))},
    [R_IN] = {"MatchIn", SEQ(SPACE, LIT("in"), SPACE)},
    [R_NOT_IN] = {"MatchNotIn", WORDS_2("not", "in")},
    [R_CONTAINS] = {"MatchContains", SEQ(SPACE, LIT("contains"), SPACE)},
    [R_NOT_CONTAINS] = {"MatchNotContains", WORDS_2("not", "contains")},
    [R_MATCHES] = {"MatchMatches", SEQ(SPACE, LIT("matches"), SPACE)},
    [R_NOT_MATCHES] = {"MatchNotMatches", WORDS_2("not", "matches")},
    [R_SELECTOR] = {"\"selector\"", SEQ(RULE(NAME), ANY_OF(RULE(STEP)))},
    [R_NAME] = {"Identifier", SEQ(CLASS("[a-zA-Z]"), ANY_OF(CLASS("[a-zA-Z0-9_]")))},
    [R_STEP] = {"SelectorOrIndex", OR(SEQ(LIT("."), RULE(NAME)), RULE(INDEX))},
    [R_INDEX] = {"\"index\"", OR(SEQ(LIT("["), SPACES, RULE(STRING), SPACES, LIT("]")),
                                 SEQ(LIT("["), SPACES, NOT(RULE(STRING)), FAULT("Invalid index")),
                                 SEQ(LIT("["), SPACES, RULE(STRING), SPACES, NOT(LIT("]")),
                                     FAULT("Unclosed index expression")))},
    [R_VALUE] = {"\"value\"", OR(RULE(SELECTOR), RULE(NUMBER), RULE(STRING))},
    [R_NUMBER] = {"\"number\"", OR(SEQ(MAYBE(LIT("-")), RULE(DIGITS), AHEAD(RULE(NUMBER_END))),
                                   SEQ(MAYBE(LIT("-")), RULE(DIGITS), NOT(RULE(NUMBER_END)),
                                       FAULT("Invalid number literal")))},
    [R_NUMBER_END] = {"AfterNumbers", AHEAD(OR(SPACE, RULE(END), LIT(")")))},
    [R_DIGITS] = {"IntegerOrFloat", SEQ(OR(LIT("0"), SEQ(CLASS("[1-9]"), ANY_OF(DIGIT))),
                                        MAYBE(SEQ(LIT("."), DIGIT, ANY_OF(DIGIT))))},
    [R_STRING] = {"\"string\"",
                  OR(QUOTED(OR(SEQ(LIT("`"), RAW, LIT("`")), SEQ(LIT("\""), COOKED, LIT("\"")))),
                     SEQ(OR(SEQ(LIT("`"), RAW), SEQ(LIT("\""), COOKED)), RULE(END),
                         FAULT("Unterminated string literal")))},
    [R_SPACE] = {"\"whitespace\"", SEQ(CLASS("[ \\t\\r\\n]"), ANY_OF(CLASS("[ \\t\\r\\n]")))},
    [R_END] = {"EOF", NOT(ANY)},
};

const unsigned filter_remembered_count = R_MATCH + 1;
