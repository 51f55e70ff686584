// Request targets, and the filter expressions in their parameters.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/duration.h"
#include "control/text/filter.h"
#include "control/text/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const selectors[] = {"Service", "#Port",  "?Override",       "Tags[]",
                                        "Meta.*",  "Node.*", "Checks[].Status", NULL};

static void fuzz_filter(const char *text)
{
        static const char object[] =
            "{\"Service\":\"web\",\"Port\":80,\"Override\":true,\"Tags\":[\"a\"],"
            "\"Meta\":{\"k\":\"v\"},\"Checks\":[{\"Status\":\"passing\"}]}";
        char error[FILTER_ERROR_MAX];
        struct filter *filter;
        json_t *value;

        if (filter_compile(text, selectors, &filter, error) < 0)
                return;
        value = json_loads(object, 0, NULL);
        filter_matches(filter, value);
        json_decref(value);
        filter_destroy(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *target = malloc(size + 1);
        struct uri uri;
        int64_t ns;

        if (target == NULL)
                return 0;
        memcpy(target, data, size);
        target[size] = '\0';
        if (uri_parse(target, &uri) == URI_OK) {
                char *clean = uri_clean_path(uri.path);
                char *escaped = uri_escape_path(clean);
                char why[100];

                // What was escaped is what its escapes stand for.
                if (uri_unescape(escaped) != NULL || strcmp(escaped, clean) != 0)
                        abort();
                free(escaped);
                free(clean);
                (void)uri_unescape(uri.path);
                for (size_t i = 0; i < uri.param_count; i++) {
                        fuzz_filter(uri.params[i].value);
                        if (duration_parse(uri.params[i].value, &ns) < 0)
                                duration_explain(uri.params[i].value, why, sizeof(why));
                }
                uri_fini(&uri);
        }
        free(target);
        return 0;
}
