#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "control/gossip/serf_internal.h"
#include "control/gossip/tags.h"

/* An expression may be hostile: this many steps, then it does not match. */
#define MATCH_STEPS_MAX 10000u
#define EXPRESSION_MAX  1024u

static bool matches(struct pack_slice expression, struct pack_slice text)
{
        pcre2_match_context *context;
        pcre2_match_data *data;
        pcre2_code *code;
        int error, found = -1;
        size_t at;

        if (expression.length > EXPRESSION_MAX)
                return false;
        code = pcre2_compile(expression.bytes ? expression.bytes : (PCRE2_SPTR) "",
                             expression.length, 0, &error, &at, NULL);
        if (code == NULL)
                return false;
        context = pcre2_match_context_create(NULL);
        data = pcre2_match_data_create_from_pattern(code, NULL);
        if (context && data) {
                pcre2_set_match_limit(context, MATCH_STEPS_MAX);
                found = pcre2_match(code, text.bytes ? text.bytes : (PCRE2_SPTR) "", text.length, 0,
                                    0, data, context);
        }
        pcre2_match_data_free(data);
        pcre2_match_context_free(context);
        pcre2_code_free(code);
        return found >= 0;
}

static bool is_named(const struct serf *s, struct serf_filter *filter)
{
        struct pack_slice name;

        for (uint32_t i = 0; i < filter->node_count; i++)
                if (pack_get_raw(&filter->nodes, &name) == 0 &&
                    pack_slice_equal(name, s->self->member.name))
                        return true;
        return false;
}

static bool has_tag(const struct serf *s, const struct serf_filter *filter)
{
        struct pack_slice value = {0};
        struct tag_reader reader;
        struct tag tag;

        if (tags_open(s->self->member.meta, &reader) < 0)
                return false;
        while (tags_next(&reader, &tag))
                if (pack_slice_equal(tag.name, filter->tag))
                        value = tag.value;
        return matches(filter->expression, value);
}

bool serf_is_meant(const struct serf *s, struct pack_slice filters)
{
        struct serf_filter_reader reader;
        struct serf_filter filter;
        int ret = serf_filters_open(filters, &reader);

        while (ret == 0 && (ret = serf_filter_next(&reader, &filter)) == 1) {
                bool fits =
                    filter.kind == SERF_FILTER_NODES ? is_named(s, &filter) : has_tag(s, &filter);

                if (!fits)
                        return false;
                ret = 0;
        }
        return ret == 0;
}
