#include "control/agent/wan_names.h"

#include <stdlib.h>

#include "control/agent/agent_internal.h"
#include "control/dns/question.h"
#include "control/dns/responder.h"

struct wan_names {
        struct lictor_dataplane *dataplane;
        struct publisher *publisher;
        struct dns_responder responder;
};

static int open_names(struct wan_names *names, const struct agent *agent,
                      const struct publisher_config *settings)
{
        int ret = lictor_dataplane_create(&settings->zone, &names->dataplane);

        if (ret == 0)
                ret = publisher_create_idle(agent->store, names->dataplane, settings,
                                            &names->publisher);
        if (ret == 0)
                ret = dns_responder_init(&names->responder, names->dataplane);
        return ret;
}

struct wan_names *wan_names_create(struct agent *agent)
{
        struct ttl_rule *rules = calloc(agent->config->dns.service_ttl_count + 1, sizeof(*rules));
        struct wan_names *names = calloc(1, sizeof(*names));
        struct publisher_config settings;
        int ret = -1;

        if (rules != NULL && names != NULL) {
                agent_publisher_settings(agent->config, rules, &settings);
                settings.is_wan = true;
                ret = open_names(names, agent, &settings);
        }
        free(rules);
        if (ret == 0)
                return names;
        wan_names_destroy(names);
        return NULL;
}

void wan_names_destroy(struct wan_names *take_names)
{
        if (take_names == NULL)
                return;
        if (take_names->publisher != NULL)
                publisher_destroy(take_names->publisher);
        if (take_names->dataplane != NULL)
                lictor_dataplane_destroy(take_names->dataplane);
        free(take_names);
}

bool wan_names_answer(struct wan_names *names, enum dns_transport transport,
                      struct dns_message *message)
{
        struct publisher_name name;

        if (!dns_question_name(names->dataplane, message, &name))
                return false;
        publisher_publish_name(names->publisher, &name);
        dns_responder_answer(&names->responder, transport, message, 1);
        publisher_withdraw_name(names->publisher, &name);
        return true;
}
