#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/api/api_internal.h"
#include "control/query/wan_json.h"
#include "control/text/json_text.h"

static bool is_foreign(const struct api *api, const char *datacenter)
{
        return datacenter != NULL && *datacenter != '\0' &&
               strcasecmp(datacenter, api->agent->config->datacenter) != 0;
}

bool api_may_translate(const struct api *api, const struct http_request *request,
                       const struct http_route *route)
{
        static const char *const areas[] = {"/v1/catalog/node", "/v1/catalog/service/",
                                            "/v1/catalog/connect/", "/v1/health/"};

        // Whoever asks for somebody else leaves it to who was asked first.
        if (!api->agent->config->translate_wan_addresses || http_request_origin(request) != NULL)
                return false;
        if (strcmp(route->pattern, "/v1/query/") == 0)
                return true;
        for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
                if (strncmp(route->pattern, areas[i], strlen(areas[i])) == 0)
                        return is_foreign(api, http_request_param(request, "dc"));
        }
        return false;
}

void api_translate(const struct api *api, json_t *answer)
{
        const json_t *own = json_object_get(answer, "Datacenter");

        // A query says whose instances it has selected.
        if (own == NULL || is_foreign(api, json_string_value(own)))
                wan_json_translate(answer);
}

void api_reply_value(struct http_request *request, json_t *take_value)
{
        bool pretty = http_request_pretty(request);
        char *text = json_dumps(take_value, pretty ? JSON_INDENT(4) : JSON_COMPACT);
        struct json_writer w;

        json_decref(take_value);
        json_writer_init(&w, pretty);
        if (text == NULL)
                w.failed = true;
        else
                json_writer_raw(&w, text, strlen(text));
        free(text);
        http_reply_json(request, 200, &w);
}
