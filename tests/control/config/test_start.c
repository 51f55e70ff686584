#include <criterion/criterion.h>
#include <string.h>

#include "build.h"
#include "lictor/bytes.h"

// Settings that are valid, and why an agent nevertheless refuses them; NULL: it does not.
static const struct {
        const char *settings, *error;
} rows[] = {
    {"{}", NULL},
    {"{\"acl\": {\"enabled\": false, \"default_policy\": \"bogus\"}}", NULL},
    {"{\"acl\": {\"enabled\": true}}", "this version does not enforce ACLs"},
    {"{\"acl\": {\"enabled\": true, \"default_policy\": \"bogus\"}}",
     "Unsupported default ACL policy: bogus"},
    {"{\"acl\": {\"enabled\": true, \"down_policy\": \"x\"}}", "Unsupported down ACL policy: x"},
    {"{\"acl_datacenter\": \"dc1\"}", "acl_datacenter is set"},
    {"{\"encrypt\": \"aGVsbG8=\"}", "Invalid key: key size must be 16, 24 or 32 bytes"},
    {"{\"encrypt\": \"AAAAAAAAAAAAAAAAAAAAAA==\"}", NULL},
    {"{\"watches\": [{\"type\": \"nodes\", \"args\": [\"true\"]}]}", NULL},
    {"{\"watches\": [{\"type\": \"services\", \"handler_type\": \"http\","
     "\"http_handler_config\": {\"path\": \"http://a/\"}}]}",
     NULL},
    {"{\"watches\": [{\"type\": \"services\", \"handler_type\": \"http\"}]}",
     "Handler type 'http' requires 'http_handler_config' to be set"},
    {"{\"watches\": [{\"type\": \"connect_leaf\", \"args\": [\"true\"]}]}",
     "Watch type connect_leaf is not allowed in agent config"},
    {"{\"ports\": {\"http\": -1}, \"watches\": [{\"type\": \"nodes\", \"args\": [\"x\"]}]}",
     "watch plans require an HTTP or HTTPS endpoint"},
    {"{\"watches\": [{\"args\": [\"true\"]}]}", "Watch type must be specified"},
    {"{\"unix_sockets\": {\"mode\": \"9\"}}", NULL},
    {"{\"unix_sockets\": {\"mode\": \"9\"}, \"addresses\": {\"http\": \"unix:///x\"}}",
     "unix_sockets.mode: invalid file mode"},
    {"{\"unix_sockets\": {\"user\": \"no such user\"}, \"addresses\": {\"http\": \"unix:///x\"}}",
     "unix_sockets.user: there is no such user"},
    {"{\"watches\": [{\"type\": \"bogus\", \"args\": [\"true\"]}]}",
     "Unsupported watch type: bogus"},
    {"{\"watches\": [{\"type\": \"key\", \"args\": [\"true\"]}]}",
     "Must specify a single key to watch"},
    {"{\"watches\": [{\"type\": \"keyprefix\", \"args\": [\"true\"]}]}",
     "Must specify a single prefix to watch"},
    {"{\"watches\": [{\"type\": \"service\", \"args\": [\"true\"]}]}",
     "Must specify a single service to watch"},
    {"{\"watches\": [{\"type\": \"checks\", \"service\": \"a\", \"state\": \"b\"}]}",
     "Cannot specify service and state"},
    {"{\"watches\": [{\"type\": \"nodes\"}]}", "Must define a watch handler"},
    {"{\"watches\": [{\"type\": \"nodes\", \"args\": \"x\"}]}",
     "Watch args must be a list of strings"},
    {"{\"watches\": [{\"type\": \"nodes\", \"args\": [1]}]}",
     "Watch args must be a list of strings"},
    {"{\"watches\": [{\"type\": \"nodes\", \"handler\": 1}]}", "Watch handler must be a string"},
    {"{\"watches\": [{\"type\": \"nodes\", \"handler\": \"x\", \"args\": [\"y\"]}]}",
     "Only one watch handler allowed"},
};

Test(config_start, an_agent_demands_more_than_valid_settings)
{
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct built built = build_text(rows[i].settings);
                char error[512] = "";
                int ret;

                cr_assert_not_null(built.config, "%s: %s", rows[i].settings, built.report.error);
                ret = config_check_start(built.config, error, sizeof(error));
                cr_expect_eq(ret < 0, rows[i].error != NULL, "%s: %s", rows[i].settings, error);
                cr_expect(rows[i].error == NULL || strstr(error, rows[i].error) != NULL,
                          "%s: got \"%s\"", rows[i].settings, error);
                built_fini(&built);
        }
}
