#include "control/dns/responder.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "dataplane/plane/plane.h"

int dns_responder_init(struct dns_responder *responder, const struct lictor_dataplane *dataplane)
{
        responder->dataplane = dataplane;
        if (getrandom(&responder->random, sizeof(responder->random), 0) !=
            (ssize_t)sizeof(responder->random))
                return -EIO;
        return 0;
}

void dns_responder_answer(struct dns_responder *responder, enum dns_transport transport,
                          struct dns_message messages[], unsigned n)
{
        struct dns_env env = {
            .table = plane_table(responder->dataplane),
            .random = &responder->random,
            .now_s = (uint32_t)time(NULL),
            .transport = transport,
            .follow_aliases = true,
        };

        lictor_reader_online();
        env.zone = plane_zone(responder->dataplane);
        plane_env_peers(responder->dataplane, &env);
        dns_respond_burst(&env, messages, n);
        lictor_reader_offline();
}
