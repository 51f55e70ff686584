#include <stdlib.h>

#include "control/api/api_internal.h"
#include "control/text/json_schema.h"

// Gossip between agents is not encrypted here, so there is no keyring; requests are checked all the
// same, as what is wrong with them does not depend on that.

static const struct json_field key_fields[] = {{"Key", JSON_KIND_STRING, NULL}};
static const struct json_schema key_schema = JSON_SCHEMA(key_fields);

static bool check_relay_factor(struct http_request *request)
{
        const char *text = http_request_param(request, "relay-factor");
        char *end;
        long factor;

        if (text == NULL || text[0] == '\0')
                return true;
        factor = strtol(text, &end, 10);
        if (*end != '\0') {
                http_reply_text(request, 400,
                                "Bad request: Error parsing relay factor: strconv.Atoi: parsing "
                                "\"%.60s\": invalid syntax",
                                text);
                return false;
        }
        if (factor >= 0 && factor <= 5)
                return true;
        http_reply_text(request, 400,
                        "Bad request: Invalid relay-factor: Relay factor must be in range: "
                        "[0, 5]");
        return false;
}

void api_operator_keyring(struct http_request *request, void *app)
{
        (void)app;
        if (check_relay_factor(request))
                http_reply_text(request, 500, "Keyring is empty (encryption not enabled)");
}

void api_operator_keyring_change(struct http_request *request, void *app)
{
        char error[JSON_SCHEMA_ERROR_MAX];
        json_t *parsed = NULL;
        const char *body;
        size_t len;

        (void)app;
        body = http_request_body(request, &len);
        if (json_schema_parse(&key_schema, 0, body, len, false, &parsed, error) < 0) {
                http_reply_text(request, 400, "Bad request: Request decode failed: %s", error);
                return;
        }
        json_decref(parsed);
        if (check_relay_factor(request))
                http_reply_text(request, 500, "No keyring to modify (encryption not enabled)");
}
