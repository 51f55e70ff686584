#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/filter_grammar.h"
#include "control/text/go_quote.h"
#include "control/text/utf8.h"

// A filter comes in a request line; what is nested deeper than this is refused.
#define FRAMES_MAX   4096u
#define EXPECTED_MAX 48u
#define FAULTS_MAX   4u
#define NO_MATCH     UINT32_MAX

struct frame {
        const struct peg_expr *expr;
        size_t next; // part
        size_t start;
};

enum state { ENTER, MATCHED, FAILED };

struct expected {
        const char *text;
        bool literal, inverted;
};

struct fault {
        const char *text;
        size_t at;
        const char *rule; // NULL for none
};

struct machine {
        const char *text;
        size_t len, at;
        enum state state;
        struct frame *frames;
        size_t frame_count;
        uint32_t *ends; // of remembered rules, per rule and place: 0 unknown, NO_MATCH, or 1 + end
        bool inverted;  // what matches is what is not expected
        size_t farthest;
        struct expected expected[EXPECTED_MAX]; // at the farthest place reached
        size_t expected_count;
        struct fault faults[FAULTS_MAX];
        size_t fault_count;
        bool too_deep;
};

static void note(struct machine *m, bool matched, size_t at, const struct peg_expr *expr)
{
        struct expected expected = {expr->text, expr->op == PEG_LITERAL, m->inverted};

        if (matched != m->inverted || at < m->farthest)
                return;
        if (at > m->farthest) {
                m->farthest = at;
                m->expected_count = 0;
        }
        for (size_t i = 0; i < m->expected_count; i++) {
                const struct expected *known = &m->expected[i];

                if (strcmp(known->text, expected.text) == 0 && known->literal == expected.literal &&
                    known->inverted == expected.inverted)
                        return;
        }
        if (m->expected_count < EXPECTED_MAX)
                m->expected[m->expected_count++] = expected;
}

static void add_fault(struct machine *m, const char *text, size_t at)
{
        struct fault fault = {text, at, NULL};

        for (size_t i = m->frame_count; i > 0 && fault.rule == NULL; i--) {
                if (m->frames[i - 1].expr->op == PEG_RULE)
                        fault.rule = filter_rules[m->frames[i - 1].expr->rule].name;
        }
        for (size_t i = 0; i < m->fault_count; i++) {
                if (m->faults[i].at == at && strcmp(m->faults[i].text, text) == 0 &&
                    strcmp(m->faults[i].rule, fault.rule) == 0)
                        return;
        }
        if (m->fault_count < FAULTS_MAX)
                m->faults[m->fault_count++] = fault;
}

static size_t char_len(const struct machine *m, size_t at)
{
        size_t len = utf8_sequence((const unsigned char *)m->text + at, m->len - at);

        return len > 0 ? len : 1;
}

// A class as "[a-zA-Z_\t]".
static bool is_in(const char *set, char c)
{
        for (const char *s = set + 1; *s != ']' && *s != '\0'; s++) {
                char first = *s;

                if (first == '\\') {
                        s++;
                        first = *s == 't' ? '\t' : *s == 'r' ? '\r' : '\n';
                } else if (s[1] == '-' && s[2] != ']') {
                        if (c >= first && c <= s[2])
                                return true;
                        s += 2;
                        continue;
                }
                if (c == first)
                        return true;
        }
        return false;
}

static bool match_terminal(struct machine *m, const struct peg_expr *expr)
{
        size_t start = m->at, len = 0;

        if (expr->op == PEG_LITERAL) {
                len = strlen(expr->text);
                if (len > m->len - start || memcmp(m->text + start, expr->text, len) != 0)
                        len = 0;
        } else if (start < m->len) {
                len = expr->op == PEG_ANY                 ? char_len(m, start)
                      : is_in(expr->text, m->text[start]) ? 1
                                                          : 0;
        }
        m->at += len;
        note(m, len > 0, start, expr);
        return len > 0;
}

static void push(struct machine *m, const struct peg_expr *expr)
{
        if (m->frame_count == FRAMES_MAX) {
                m->too_deep = true;
                return;
        }
        m->frames[m->frame_count++] = (struct frame){.expr = expr, .start = m->at};
        m->state = ENTER;
}

static void pop(struct machine *m, bool matched)
{
        m->frame_count--;
        m->state = matched ? MATCHED : FAILED;
}

static uint32_t *end_of(const struct machine *m, const struct frame *frame)
{
        return frame->expr->rule < filter_remembered_count
                   ? &m->ends[frame->expr->rule * (m->len + 1) + frame->start]
                   : NULL;
}

static void step_rule(struct machine *m, struct frame *frame)
{
        uint32_t *end = end_of(m, frame);

        if (m->state != ENTER) {
                if (end != NULL)
                        *end = m->state == MATCHED ? (uint32_t)m->at + 1 : NO_MATCH;
                pop(m, m->state == MATCHED);
        } else if (end == NULL || *end == 0) {
                push(m, filter_rules[frame->expr->rule].body);
        } else {
                if (*end != NO_MATCH)
                        m->at = *end - 1;
                pop(m, *end != NO_MATCH);
        }
}

static void step_sequence(struct machine *m, struct frame *frame)
{
        const struct peg_expr *part = frame->expr->parts[frame->next];

        if (m->state == FAILED) {
                m->at = frame->start;
                pop(m, false);
        } else if (part == NULL) {
                pop(m, true);
        } else {
                frame->next++;
                push(m, part);
        }
}

static void step_choice(struct machine *m, struct frame *frame)
{
        const struct peg_expr *part = frame->expr->parts[frame->next];

        if (m->state == MATCHED || part == NULL) {
                pop(m, m->state == MATCHED);
        } else {
                frame->next++;
                push(m, part);
        }
}

static void step_ahead(struct machine *m, struct frame *frame)
{
        bool negates = frame->expr->op == PEG_NOT;

        if (m->state == ENTER) {
                m->inverted ^= negates;
                push(m, frame->expr->parts[0]);
                return;
        }
        m->inverted ^= negates;
        m->at = frame->start;
        pop(m, (m->state == MATCHED) != negates);
}

static void step_quoted(struct machine *m, struct frame *frame)
{
        if (m->state == ENTER) {
                push(m, frame->expr->parts[0]);
                return;
        }
        if (m->state == MATCHED &&
            !go_unquote(m->text + frame->start, m->at - frame->start, NULL, NULL))
                add_fault(m, "invalid syntax", frame->start);
        pop(m, m->state == MATCHED);
}

static void step(struct machine *m)
{
        struct frame *frame = &m->frames[m->frame_count - 1];

        switch (frame->expr->op) {
        case PEG_LITERAL:
        case PEG_CLASS:
        case PEG_ANY:
                pop(m, match_terminal(m, frame->expr));
                break;
        case PEG_SEQUENCE:
                step_sequence(m, frame);
                break;
        case PEG_CHOICE:
                step_choice(m, frame);
                break;
        case PEG_REPEAT:
                if (m->state == FAILED)
                        pop(m, true);
                else
                        push(m, frame->expr->parts[0]);
                break;
        case PEG_OPTION:
                if (m->state == ENTER)
                        push(m, frame->expr->parts[0]);
                else
                        pop(m, true);
                break;
        case PEG_AHEAD:
        case PEG_NOT:
                step_ahead(m, frame);
                break;
        case PEG_RULE:
                step_rule(m, frame);
                break;
        case PEG_FAULT:
                add_fault(m, frame->expr->text, m->at);
                pop(m, false);
                break;
        case PEG_QUOTED:
                step_quoted(m, frame);
                break;
        }
}

// --- Messages.

struct message {
        char *text;
        size_t size, used;
};

static void say(struct message *out, const char *text)
{
        size_t len = strlen(text);

        if (len > out->size - 1 - out->used)
                len = out->size - 1 - out->used;
        memcpy(out->text + out->used, text, len);
        out->used += len;
        out->text[out->used] = '\0';
}

// Line, column in characters and offset in bytes; a line feed is the next line's column 0.
static void say_place(const struct machine *m, struct message *out, size_t at)
{
        size_t line = 1, column = 0;
        char text[80];

        for (size_t i = 0; i <= at; i += i < m->len ? char_len(m, i) : 1) {
                column++;
                if (i < m->len && m->text[i] == '\n') {
                        line++;
                        column = 0;
                }
        }
        snprintf(text, sizeof(text), "%zu:%zu (%zu): ", line, column, at);
        say(out, text);
}

static const char *spell(const struct expected *expected, char out[32])
{
        const char *escape = expected->literal && *expected->text == '"' ? "\\" : "";
        const char *quote = expected->literal ? "\"" : "";

        snprintf(out, 32, "%s%s%s%s%s", expected->inverted ? "!" : "", quote, escape,
                 expected->text, quote);
        return out;
}

static int compare_expected(const void *a, const void *b)
{
        char x[32], y[32];

        return strcmp(spell(a, x), spell(b, y));
}

static bool is_end(const struct expected *expected)
{
        return expected->inverted && strcmp(expected->text, ".") == 0 && !expected->literal;
}

static void say_expected(struct machine *m, struct message *out)
{
        size_t count = 0;
        bool end = false;
        char text[32];

        for (size_t i = 0; i < m->expected_count; i++) {
                if (is_end(&m->expected[i]))
                        end = true;
                else
                        m->expected[count++] = m->expected[i];
        }
        qsort(m->expected, count, sizeof(m->expected[0]), compare_expected);
        say_place(m, out, m->farthest);
        say(out, "no match found, expected: ");
        for (size_t i = 0; i < count + end; i++) {
                if (i > 0)
                        say(out, i + 1 == count + end ? " or " : ", ");
                say(out, i < count ? spell(&m->expected[i], text) : "EOF");
        }
}

static int report(struct machine *m, struct message *out)
{
        if (m->too_deep) {
                say(out, "expression is nested too deeply");
                return -EINVAL;
        }
        if (m->fault_count == 0 && m->state == MATCHED)
                return 0;
        if (m->fault_count == 0)
                say_expected(m, out);
        for (size_t i = 0; i < m->fault_count; i++) {
                const struct fault *fault = &m->faults[i];

                say(out, i > 0 ? "\n" : "");
                say_place(m, out, fault->at);
                say(out, "rule ");
                say(out, fault->rule);
                say(out, ": ");
                say(out, fault->text);
        }
        return -EINVAL;
}

int filter_check(const char *text, char *error, size_t size)
{
        static const struct peg_expr start = {.op = PEG_RULE};
        struct machine m = {.text = text, .len = strlen(text)};
        struct message out = {error, size, 0};
        int ret = -ENOMEM;

        error[0] = '\0';
        m.frames = malloc(FRAMES_MAX * sizeof(*m.frames));
        if (m.len < UINT32_MAX - 1)
                m.ends = calloc(filter_remembered_count * (m.len + 1), sizeof(*m.ends));
        if (m.frames == NULL || m.ends == NULL)
                goto free_memory;
        push(&m, &start);
        while (m.frame_count > 0 && !m.too_deep)
                step(&m);
        ret = report(&m, &out);
free_memory:
        free(m.ends);
        free(m.frames);
        return ret;
}
