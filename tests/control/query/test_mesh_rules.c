#include "control/query/mesh_rules.h"
#include "lictor/bytes.h"
#include "tests/control/quoted_json.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE "1 error occurred:\n\t* "

Test(mesh_rules, proxies_and_gateways_say_what_they_are_for)
{
        static const struct {
                const char *service, *error; // NULL: may be registered
        } cases[] = {
            {"{}", NULL},
            {"{'Kind':'bogus'}", NULL},
            {"{'Kind':'connect-proxy','Port':1,'Proxy':{'DestinationServiceName':'web'}}", NULL},
            {"{'kind':'connect-proxy','socket_path':'/s','proxy':{'destination_service_name':'w',"
             "'upstreams':[{'destination_name':'db','local_bind_port':1}]}}",
             NULL},
            {"{'Kind':'connect-proxy'}",
             "2 errors occurred:\n\t* Proxy.DestinationServiceName must be non-empty for Connect "
             "proxy services\n\t* Port or SocketPath must be set for a Connect proxy\n\n"},
            {"{'Kind':'connect-proxy','Port':1,'Proxy':{'DestinationServiceName':'*'}}",
             ONE "Proxy.DestinationServiceName must not be a wildcard for Connect proxy "
                 "services\n\n"},
            {"{'Kind':'connect-proxy','Port':1,'Proxy':{'DestinationServiceName':'w'},"
             "'Connect':{'Native':true}}",
             ONE "A Proxy cannot also be Connect Native, only typical services\n\n"},
            {"{'Kind':'connect-proxy','Port':1,'Proxy':{'DestinationServiceName':'w',"
             "'Upstreams':[{}]}}",
             ONE "upstream destination name cannot be empty\n\n"},
            {"{'Kind':'connect-proxy','Port':1,'Proxy':{'DestinationServiceName':'w',"
             "'Expose':{'Paths':[{'Path':'/','ListenerPort':5},{'Path':'/x','ListenerPort':5}]}}}",
             ONE "expose.paths: duplicate listener ports exposed\n\n"},
            {"{'Kind':'mesh-gateway'}", ONE "Port must be non-zero for a mesh-gateway\n\n"},
            {"{'Kind':'ingress-gateway'}", NULL},
            {"{'Kind':'terminating-gateway','Port':1,'Proxy':{'LocalServicePort':3}}",
             ONE "The Proxy.LocalServicePort configuration is invalid for a "
                 "terminating-gateway\n\n"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                json_t *service = quoted_json(cases[i].service);
                char error[MESH_RULES_ERROR_MAX];

                cr_expect_eq(mesh_rules_check(service, error), cases[i].error == NULL, "%s: %s",
                             cases[i].service, error);
                if (cases[i].error != NULL)
                        cr_expect_str_eq(error, cases[i].error, "%s: %s", cases[i].service, error);
                json_decref(service);
        }
}

Test(mesh_rules, any_number_of_mistakes_is_counted)
{
        json_t *service = quoted_json("{'Kind':'connect-proxy','Port':1,"
                                      "'Proxy':{'DestinationServiceName':'w','Upstreams':[]}}");
        json_t *upstreams = json_object_get(json_object_get(service, "Proxy"), "Upstreams");
        char error[MESH_RULES_ERROR_MAX];

        for (int i = 0; i < 1000; i++)
                json_array_append_new(upstreams, json_object());
        cr_expect_not(mesh_rules_check(service, error));
        cr_expect_eq(strncmp(error, "1000 errors occurred:\n", 22), 0, "%s", error);
        json_decref(service);
}
