#include "fake_responder.h"

#include <string.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/plane/plane.h"

_Thread_local unsigned fake_online;
_Thread_local unsigned fake_quiescent_count;

static void answer(struct dns_message *m, uint8_t rcode, const char *text)
{
        m->verdict = DNS_ANSWERED;
        m->rcode = rcode;
        m->length = (uint16_t)strlen(text);
        memcpy(m->data, text, m->length);
}

void dns_respond_burst(const struct dns_env *env, struct dns_message messages[], unsigned n)
{
        (void)env;
        for (unsigned i = 0; i < n; i++) {
                struct dns_message *m = &messages[i];

                switch (m->length > 0 ? m->data[0] : 0) {
                case FAKE_ANSWER:
                        answer(m, 0, "answer");
                        break;
                case FAKE_NO_NAME:
                        answer(m, 3, "nothing");
                        break;
                case FAKE_FILL:
                        m->verdict = DNS_ANSWERED;
                        m->rcode = 0;
                        memset(m->data, 'x', m->capacity);
                        m->length = m->capacity;
                        break;
                case FAKE_PUNT:
                        m->verdict = DNS_PUNT;
                        break;
                case FAKE_NOT_QUERY:
                        m->verdict = DNS_DROP_NOT_QUERY;
                        break;
                default:
                        m->verdict = DNS_DROP_SHORT;
                        break;
                }
        }
}

const struct svc_table *plane_table(const struct lictor_dataplane *dp)
{
        return (const void *)dp;
}

const struct dns_zone *plane_zone(const struct lictor_dataplane *dp)
{
        return (const void *)dp;
}

void lictor_reader_register(void)
{
        fake_online++;
}

void lictor_reader_unregister(void)
{
        fake_online--;
}

void lictor_reader_quiescent(void)
{
        fake_quiescent_count++;
}

void lictor_reader_offline(void)
{
        fake_online--;
}

void lictor_reader_online(void)
{
        fake_online++;
}

void plane_env_peers(const struct lictor_dataplane *dp, struct dns_env *env)
{
        (void)dp;
        env->peers = NULL;
}
