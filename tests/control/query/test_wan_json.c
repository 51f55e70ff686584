#include "control/query/wan_json.h"
#include "lictor/bytes.h"
#include "tests/control/quoted_json.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define WAN     "'TaggedAddresses':{'lan':'10.0.0.1','wan':'198.51.100.1'}"
#define WAN_OWN "'TaggedAddresses':{'wan':{'Address':'198.51.100.5','Port':8080}}"

Test(wan_json, addresses_and_ports_give_way_to_those_tagged_for_the_wan)
{
        static const struct {
                const char *name, *given, *want;
        } cases[] = {
            {"a list of nodes", "[{'Node':'n','Address':'10.0.0.1'," WAN "}]",
             "[{'Node':'n','Address':'198.51.100.1'," WAN "}]"},
            {"no tags", "[{'Node':'n','Address':'10.0.0.1','TaggedAddresses':null}]",
             "[{'Node':'n','Address':'10.0.0.1','TaggedAddresses':null}]"},
            {"IPv6 before IPv4",
             "[{'Node':'n','Address':'10.0.0.1','TaggedAddresses':"
             "{'wan_ipv4':'198.51.100.1','wan_ipv6':'2001:db8::1'}}]",
             "[{'Node':'n','Address':'2001:db8::1','TaggedAddresses':"
             "{'wan_ipv4':'198.51.100.1','wan_ipv6':'2001:db8::1'}}]"},
            {"an IPv4 tag of the LAN hides a plain one of the WAN",
             "[{'Node':'n','Address':'1.1.1.1','TaggedAddresses':"
             "{'lan_ipv4':'10.0.0.1','wan':'198.51.100.1'}}]",
             "[{'Node':'n','Address':'10.0.0.1','TaggedAddresses':"
             "{'lan_ipv4':'10.0.0.1','wan':'198.51.100.1'}}]"},
            {"instances",
             "[{'Node':'n','Address':'10.0.0.1'," WAN ",'ServiceAddress':'','ServicePort':80,"
             "'ServiceTaggedAddresses':{'wan':{'Address':'198.51.100.5','Port':0}}}]",
             "[{'Node':'n','Address':'198.51.100.1'," WAN
             ",'ServiceAddress':'198.51.100.5','ServicePort':80,"
             "'ServiceTaggedAddresses':{'wan':{'Address':'198.51.100.5','Port':0}}}]"},
            {"instances with checks",
             "[{'Node':{'Node':'n','Address':'10.0.0.1'," WAN "},'Service':{'Address':'10.0.0.5',"
             "'Port':80," WAN_OWN "},'Checks':[{'Node':'n','Output':'x'}]}]",
             "[{'Node':{'Node':'n','Address':'198.51.100.1'," WAN
             "},'Service':{'Address':'198.51.100.5','Port':8080," WAN_OWN
             "},'Checks':[{'Node':'n','Output':'x'}]}]"},
            {"a node's services by name",
             "{'Node':{'Node':'n','Address':'10.0.0.1'," WAN
             "},'Services':{'web':{'Address':''," WAN_OWN "},'db':{'Address':''}}}",
             "{'Node':{'Node':'n','Address':'198.51.100.1'," WAN
             "},'Services':{'web':{'Address':'198.51.100.5','Port':8080," WAN_OWN
             "},'db':{'Address':''}}}"},
            {"a list of a node's services",
             "{'Node':{'Node':'n','Address':'10.0.0.1'},'Services':[{'Address':''," WAN_OWN "}]}",
             "{'Node':{'Node':'n','Address':'10.0.0.1'},'Services':[{'Address':'198.51.100.5',"
             "'Port':8080," WAN_OWN "}]}"},
            {"what a query selected",
             "{'Service':'web','Nodes':[{'Node':{'Address':'10.0.0.1'," WAN "},'Service':{}}]}",
             "{'Service':'web','Nodes':[{'Node':{'Address':'198.51.100.1'," WAN
             "},'Service':{}}]}"},
            {"anything else", "[1,null,'x',{'Node':3,'Services':7},[{}]]",
             "[1,null,'x',{'Node':3,'Services':7},[{}]]"},
            {"nothing", "null", "null"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                json_t *value =
                    strcmp(cases[i].given, "null") == 0 ? json_null() : quoted_json(cases[i].given);
                json_t *want =
                    strcmp(cases[i].want, "null") == 0 ? json_null() : quoted_json(cases[i].want);

                wan_json_translate(value);
                cr_expect(json_equal(value, want), "%s: got %s", cases[i].name,
                          json_dumps(value, JSON_ENCODE_ANY));
                json_decref(value);
                json_decref(want);
        }
}
