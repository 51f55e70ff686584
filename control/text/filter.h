#ifndef CONTROL_TEXT_FILTER_H
#define CONTROL_TEXT_FILTER_H

// Filter expressions of the API: `Service == web and "v1" in Tags and not Meta.env matches "^dev"`.

#include <jansson.h>
#include <stdbool.h>

#define FILTER_ERROR_MAX 512
// Nesting of parentheses and "not"; deeper expressions are refused.
#define FILTER_DEPTH_MAX 64

struct filter;

/**
 * Compile an expression.
 * @selectors  the fields it may name, ended by NULL: "Name" a text, "#Port" a number, "?Flag" a
 *             boolean, "Tags[]" a list of texts, "Meta.*" a map of texts, "Checks[].Name" a text of
 *             the members of a list.
 * @out        to be freed with filter_destroy().
 * @error      on failure what is wrong.
 * returns     0, -EINVAL or -ENOMEM.
 * context     any thread.
 */
int filter_compile(const char *text, const char *const *selectors, struct filter **out,
                   char error[FILTER_ERROR_MAX]);

/** Free a filter; NULL is let pass. */
void filter_destroy(struct filter *take_filter);

/** Whether an object, shown as the API shows it, satisfies the expression. */
bool filter_matches(const struct filter *filter, const json_t *object);

#endif
