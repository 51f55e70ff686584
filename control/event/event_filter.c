#define PCRE2_CODE_UNIT_WIDTH 8

#include "control/event/event_filter.h"
#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

// Steps of a match: expressions come from the network, and some take for ever.
#define MATCH_LIMIT 100000

int event_filter_compile(const char *text, struct event_filter *out, char *error, size_t error_size)
{
        PCRE2_UCHAR why[120];
        PCRE2_SIZE offset;
        int code;

        out->code = NULL;
        if (*text == 0)
                return 0;
        out->code =
            pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &offset, NULL);
        if (out->code)
                return 0;
        pcre2_get_error_message(code, why, sizeof(why));
        snprintf(error, error_size, "error parsing regexp: %s: `%.60s`", (const char *)why, text);
        return -EINVAL;
}

void event_filter_fini(struct event_filter *filter)
{
        pcre2_code_free(filter->code);
        filter->code = NULL;
}

bool event_filter_matches(const struct event_filter *filter, const char *text)
{
        pcre2_match_data *match;
        pcre2_match_context *context;
        bool matches = false;

        if (filter->code == NULL)
                return true;
        match = pcre2_match_data_create(1, NULL);
        context = pcre2_match_context_create(NULL);
        if (match && context) {
                pcre2_set_match_limit(context, MATCH_LIMIT);
                matches = pcre2_match(filter->code, (PCRE2_SPTR)text, strlen(text), 0, 0, match,
                                      context) >= 0;
        }
        pcre2_match_context_free(context);
        pcre2_match_data_free(match);
        return matches;
}
