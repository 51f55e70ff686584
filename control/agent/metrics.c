#include "control/agent/metrics_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/agent/agent.h"
#include "control/agent/loop_meter.h"
#include "control/api/api.h"
#include "control/dns/dns_tcp.h"
#include "control/dns/resolver.h"
#include "control/http/http.h"
#include "control/publisher/publisher.h"
#include "control/server/server.h"
#include "control/store/store.h"
#include "lictor/bytes.h"

struct metric *metric_add(struct metric_list *list, enum metric_kind kind, const char *name,
                          const char *help, uint64_t value)
{
        // Written to when there is no memory left, so that callers need not look.
        static struct metric spill;
        struct metric *metric;

        if (list->count == list->capacity) {
                size_t capacity = list->capacity == 0 ? 128 : 2 * list->capacity;
                struct metric *items = realloc(list->items, capacity * sizeof(*items));

                if (items == NULL) {
                        list->status = -ENOMEM;
                        return &spill;
                }
                list->items = items;
                list->capacity = capacity;
        }
        metric = &list->items[list->count++];
        *metric = (struct metric){.name = name, .help = help, .kind = kind, .value = (double)value};
        return metric;
}

void metric_label(struct metric *metric, const char *name, const char *value)
{
        struct metric_label *slot = &metric->labels[metric->label_count++ % METRIC_LABEL_MAX];

        slot->name = name;
        snprintf(slot->value, sizeof(slot->value), "%s", value);
        if (metric->label_count > METRIC_LABEL_MAX)
                metric->label_count = METRIC_LABEL_MAX;
}

static void add_worker(struct metric_list *list, const struct runtime_worker_info *worker)
{
        const struct runtime_counters *c = &worker->counters;
        const struct {
                const char *name, *help;
                uint64_t value;
        } counters[] = {
            {"lictor.dataplane.received", "Packets received.", c->received},
            {"lictor.dataplane.answered", "DNS queries answered.", c->answered},
            {"lictor.dataplane.punted", "Queries handed to the control thread.", c->punted},
            {"lictor.dataplane.punt_dropped_full", "Queries dropped: the slow path was full.",
             c->punt_dropped_full},
            {"lictor.dataplane.punt_dropped_late", "Queries dropped: the slow path was late.",
             c->punt_dropped_late},
            {"lictor.dataplane.receive_dropped", "Frames a vhost-user guest handed over wrongly.",
             c->receive_dropped},
            {"lictor.dataplane.send_dropped", "Answers the port did not take.", c->send_dropped},
            {"lictor.dataplane.exception_to_kernel", "Packets passed to the kernel interface.",
             c->exception_to_kernel},
            {"lictor.dataplane.exception_from_kernel", "Packets sent for the kernel interface.",
             c->exception_from_kernel},
            {"lictor.dataplane.exception_dropped", "Packets the kernel interface did not take.",
             c->exception_dropped},
            {"lictor.dataplane.bursts", "Bursts that held a packet.", c->bursts},
            {"lictor.dataplane.busy_cycles", "CPU cycles spent on packets.", c->busy_cycles},
            {"lictor.dataplane.total_cycles", "CPU cycles since the start.", c->total_cycles},
            {"lictor.dataplane.sleeps", "Times the worker went to sleep.", c->sleeps},
        };
        struct metric *metric;

        for (size_t i = 0; i < ARRAY_LEN(counters); i++)
                metric_label(metric_add(list, METRIC_COUNTER, counters[i].name, counters[i].help,
                                        counters[i].value),
                             "worker", worker->name);
        metric = metric_add(list, METRIC_GAUGE, "lictor.dataplane.cycles_per_burst",
                            "CPU cycles a burst took on average.", 0);
        metric->value = c->bursts > 0 ? (double)c->busy_cycles / (double)c->bursts : 0;
        metric_label(metric, "worker", worker->name);
        metric = metric_add(list, METRIC_GAUGE, "lictor.dataplane.busy_fraction",
                            "Share of the worker's time spent on packets.", 0);
        metric->value = c->total_cycles > 0 ? (double)c->busy_cycles / (double)c->total_cycles : 0;
        metric_label(metric, "worker", worker->name);
}

static void add_reason(struct metric_list *list, const char *name, const char *help,
                       const struct runtime_worker_info *worker, const char *key, const char *value,
                       uint64_t count)
{
        struct metric *metric = metric_add(list, METRIC_COUNTER, name, help, count);

        metric_label(metric, "worker", worker->name);
        metric_label(metric, key, value);
}

static void add_worker_reasons(struct metric_list *list, const struct runtime_worker_info *worker)
{
        static const char *const rcodes[16] = {
            "noerror",  "formerr", "servfail", "nxdomain", "notimp",  "refused",
            "yxdomain", "yxrrset", "nxrrset",  "notauth",  "notzone", "11",
            "12",       "13",      "14",       "15",
        };
        static const char *const dns[DNS_VERDICT_COUNT] = {
            [DNS_DROP_SHORT] = "short",
            [DNS_DROP_NOT_QUERY] = "not_a_query",
            [DNS_DROP_NO_ROOM] = "no_room",
        };
        const struct runtime_counters *c = &worker->counters;

        // Codes the responder never gives are left out until it does.
        for (unsigned i = 0; i < 16; i++) {
                if (i <= 5 || c->answered_by_rcode[i] > 0)
                        add_reason(list, "lictor.dataplane.answered_by_rcode",
                                   "DNS queries answered, by response code.", worker, "rcode",
                                   rcodes[i], c->answered_by_rcode[i]);
        }
        for (unsigned i = DNS_DROP_SHORT; i < DNS_VERDICT_COUNT; i++)
                add_reason(list, "lictor.dataplane.dns_dropped",
                           "Messages dropped by the responder, by reason.", worker, "reason",
                           dns[i], c->dns_dropped[i]);
        for (unsigned i = FRAME_DROP_SHORT; i < FRAME_VERDICT_COUNT; i++)
                add_reason(list, "lictor.dataplane.frame_dropped", "Frames dropped, by reason.",
                           worker, "reason", frame_verdict_name((enum frame_verdict)i),
                           c->frames[i]);
}

static void add_workers(struct metric_list *list, const struct runtime *runtime)
{
        struct runtime_worker_info *workers = calloc(RUNTIME_WORKER_MAX, sizeof(*workers));
        unsigned count;

        if (workers == NULL) {
                list->status = -ENOMEM;
                return;
        }
        count = runtime_counters_read(runtime, workers, RUNTIME_WORKER_MAX);
        for (unsigned i = 0; i < count; i++) {
                add_worker(list, &workers[i]);
                add_worker_reasons(list, &workers[i]);
        }
        free(workers);
}

static void add_table(struct metric_list *list, const struct agent *agent)
{
        struct lictor_table_stats table;
        struct publisher_stats publisher;

        lictor_table_stats(agent->dataplane, &table);
        publisher_stats(agent->publisher, &publisher);
        metric_add(list, METRIC_GAUGE, "lictor.table.entries", "Names in the service table.",
                   table.entry_count);
        metric_add(list, METRIC_GAUGE, "lictor.table.slots", "Places in the service table.",
                   table.slot_count);
        metric_add(list, METRIC_GAUGE, "lictor.table.entry_bytes", "Memory in use by entries.",
                   table.entry_bytes);
        metric_add(list, METRIC_GAUGE, "lictor.table.memory_bytes", "Memory mapped for the table.",
                   table.memory_bytes);
        metric_add(list, METRIC_GAUGE, "lictor.table.on_huge_pages",
                   "1 when the table has huge pages.", table.on_huge_pages);
        metric_add(list, METRIC_COUNTER, "lictor.publisher.commits",
                   "Batches of changes published.", publisher.commits);
        metric_add(list, METRIC_COUNTER, "lictor.publisher.published", "Entries published.",
                   publisher.entries_set);
        metric_add(list, METRIC_COUNTER, "lictor.publisher.withdrawn", "Entries removed.",
                   publisher.entries_removed);
        metric_add(list, METRIC_COUNTER, "lictor.publisher.refused",
                   "Names that cannot be written in DNS.", publisher.entries_refused);
}

static void add_registry(struct metric_list *list, const struct agent *agent)
{
        metric_add(list, METRIC_GAUGE, "lictor.state.nodes", "Nodes registered.",
                   store_count(agent->store, STORE_NODES));
        metric_add(list, METRIC_GAUGE, "lictor.state.services", "Names of services registered.",
                   store_service_name_count(agent->store));
        metric_add(list, METRIC_GAUGE, "lictor.state.service_instances",
                   "Service instances registered.", store_count(agent->store, STORE_SERVICES));
        metric_add(list, METRIC_GAUGE, "lictor.state.checks", "Checks registered.",
                   store_count(agent->store, STORE_CHECKS));
        metric_add(list, METRIC_GAUGE, "lictor.state.applied_index", "Index of the last change.",
                   store_applied_index(agent->store));
}

static void add_dns_tcp(struct metric_list *list, const struct agent *agent)
{
        struct dns_tcp_stats tcp;

        dns_tcp_stats(agent->dns_tcp, &tcp);
        metric_add(list, METRIC_GAUGE, "lictor.dns_tcp.connections", "DNS connections open.",
                   dns_tcp_connections(agent->dns_tcp));
        metric_add(list, METRIC_COUNTER, "lictor.dns_tcp.accepted", "DNS connections accepted.",
                   tcp.accepted);
        metric_add(list, METRIC_COUNTER, "lictor.dns_tcp.evicted",
                   "DNS connections closed for others.", tcp.evicted);
        metric_add(list, METRIC_COUNTER, "lictor.dns_tcp.timed_out", "DNS connections that idled.",
                   tcp.timed_out);
        metric_add(list, METRIC_COUNTER, "lictor.dns_tcp.overrun",
                   "DNS connections closed for not taking their answers.", tcp.overrun);
        metric_add(list, METRIC_COUNTER, "lictor.dns_tcp.received", "DNS queries over TCP.",
                   tcp.received);
        metric_add(list, METRIC_COUNTER, "lictor.dns_tcp.answered", "DNS answers over TCP.",
                   tcp.answered);
}

static void add_recursors(struct metric_list *list, const struct agent *agent)
{
        struct recursor_stats stats;

        dns_resolver_stats(agent->dns_resolver, &stats);
        metric_add(list, METRIC_COUNTER, "lictor.recursors.asked",
                   "Questions for other DNS servers.", stats.asked);
        metric_add(list, METRIC_COUNTER, "lictor.recursors.answered",
                   "Answers of other DNS servers.", stats.answered);
        metric_add(list, METRIC_COUNTER, "lictor.recursors.failed",
                   "Questions none of them answered.", stats.failed);
        metric_add(list, METRIC_COUNTER, "lictor.recursors.refused",
                   "Questions not asked because too many were.", stats.refused);
}

static void add_http(struct metric_list *list, const struct agent *agent)
{
        struct http_stats stats;
        unsigned connections = api_http_stats(agent->api, &stats);

        metric_add(list, METRIC_GAUGE, "lictor.http.connections", "HTTP connections open.",
                   connections);
        metric_add(list, METRIC_COUNTER, "lictor.http.accepted", "HTTP connections accepted.",
                   stats.accepted);
        metric_add(list, METRIC_COUNTER, "lictor.http.refused", "HTTP connections over a limit.",
                   stats.refused);
        metric_add(list, METRIC_COUNTER, "lictor.http.requests", "HTTP requests.", stats.requests);
        metric_add(list, METRIC_COUNTER, "lictor.http.bodies_too_large",
                   "HTTP bodies over a limit.", stats.bodies_too_large);
}

// Milliseconds, as Consul's.
static void add_latency(struct metric_list *list, const char *name, const char *help,
                        const struct raft_latency *latency)
{
        struct metric *metric = metric_add(list, METRIC_SAMPLE, name, help, 0);

        metric->value = (double)latency->sum_us / 1000;
        metric->count = latency->count;
        metric->max = (double)latency->max_us / 1000;
}

static void add_raft(struct metric_list *list, const struct server *server)
{
        struct raft_node *node = server_raft_node(server);
        struct raft_node_metrics raft;
        struct raft_node_status status;
        struct server_contact contact;

        raft_node_metrics(node, &raft);
        raft_node_status(node, &status);
        server_contact(server, &contact);
        add_latency(list, "consul.raft.commitTime",
                    "Time from proposing on the leader to having applied.", &raft.commit);
        add_latency(list, "consul.raft.fsm.apply", "Time to apply a batch of entries.",
                    &raft.apply);
        add_latency(list, "lictor.raft.sync", "Time to write a batch to disk and sync it.",
                    &raft.sync);
        const struct {
                enum metric_kind kind;
                const char *name, *help;
                uint64_t value;
        } figures[] = {
            {METRIC_COUNTER, "consul.raft.apply", "Commands proposed here.", raft.proposals},
            {METRIC_COUNTER, "consul.raft.state.leader", "Times the leader changed.",
             raft.leader_changes},
            {METRIC_COUNTER, "consul.raft.state.candidate", "Elections started here.",
             raft.elections_started},
            {METRIC_GAUGE, "consul.raft.leader.lastContact",
             "Milliseconds since the leader was heard; 0 on the leader.", contact.last_contact_ms},
            {METRIC_GAUGE, "consul.raft.appliedIndex", "Last log entry applied.",
             status.applied_index},
            {METRIC_GAUGE, "consul.raft.commitIndex", "Last log entry known to be committed.",
             status.commit_index},
            {METRIC_GAUGE, "consul.raft.lastIndex", "Last entry of the log.", status.last_index},
            {METRIC_GAUGE, "consul.server.isLeader", "1 on the leader.", status.leading},
            {METRIC_GAUGE, "lictor.raft.log_entries", "Log entries in memory.", raft.log_entries},
            {METRIC_GAUGE, "lictor.raft.log_bytes", "Bytes of log entries in memory.",
             raft.log_bytes},
            {METRIC_COUNTER, "lictor.raft.disk_bytes_written", "Bytes written to disk.",
             raft.disk_bytes_written},
            {METRIC_COUNTER, "lictor.raft.snapshots_taken", "Snapshots taken.",
             raft.snapshots_taken},
            {METRIC_COUNTER, "lictor.raft.messages_dropped", "Messages to servers dropped.",
             raft.messages_dropped},
        };

        for (size_t i = 0; i < ARRAY_LEN(figures); i++)
                metric_add(list, figures[i].kind, figures[i].name, figures[i].help,
                           figures[i].value);
}

static void add_loop(struct metric_list *list, const struct loop_meter *meter)
{
        struct loop_turns turns;
        struct metric *metric;

        loop_meter_read(meter, &turns);
        metric = metric_add(list, METRIC_GAUGE, "lictor.loop.longest_ms",
                            "Longest turn of the control loop in the last 10 to 20 seconds.", 0);
        metric->value = (double)turns.longest_lately_ns / 1e6;
        metric_add(list, METRIC_COUNTER, "lictor.loop.turns", "Turns of the control loop.",
                   turns.count);
}

static void add_process(struct metric_list *list, const struct agent *agent)
{
        unsigned long pages = 0;
        FILE *statm = fopen("/proc/self/statm", "re");

        if (statm != NULL) {
                if (fscanf(statm, "%*u %lu", &pages) != 1)
                        pages = 0;
                fclose(statm);
        }
        metric_add(list, METRIC_GAUGE, "lictor.runtime.resident_bytes",
                   "Memory the process occupies.", pages * (uint64_t)sysconf(_SC_PAGESIZE));
        if (agent->loop_meter != NULL)
                add_loop(list, agent->loop_meter);
        metric_add(list, METRIC_GAUGE, "lictor.runtime.uptime_seconds", "Seconds since the start.",
                   (uv_now(&agent->loop) - agent->start_ms) / 1000);
}

static int by_name(const void *left, const void *right)
{
        const struct metric *a = left, *b = right;
        int order = strcmp(a->name, b->name);

        for (unsigned i = 0; order == 0 && i < a->label_count && i < b->label_count; i++)
                order = strcmp(a->labels[i].value, b->labels[i].value);
        return order;
}

int metrics_gather(const struct agent *agent, struct metric **out, size_t *count)
{
        struct metric_list list = {0};

        if (agent->runtime != NULL)
                add_workers(&list, agent->runtime);
        if (agent->dataplane != NULL && agent->publisher != NULL)
                add_table(&list, agent);
        if (agent->store != NULL)
                add_registry(&list, agent);
        if (agent->dns_tcp != NULL)
                add_dns_tcp(&list, agent);
        if (agent->dns_resolver != NULL)
                add_recursors(&list, agent);
        if (agent->api != NULL)
                add_http(&list, agent);
        if (agent->server != NULL)
                add_raft(&list, agent->server);
        metrics_add_cluster(&list, agent);
        add_process(&list, agent);
        if (list.status < 0) {
                free(list.items);
                return list.status;
        }
        qsort(list.items, list.count, sizeof(*list.items), by_name);
        *out = list.items;
        *count = list.count;
        return 0;
}
