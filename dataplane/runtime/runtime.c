#include "dataplane/runtime/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/port/port_socket.h"
#include "dataplane/runtime/runtime_internal.h"
#include "lictor/address.h"

static int listen_failed(const struct sockaddr_storage *address, int code,
                         const struct port_error *error)
{
        char text[ADDRESS_TEXT_MAX];
        const char *cure = "";

        address_text((const struct sockaddr *)address, text, sizeof(text));
        if (code == -EADDRINUSE)
                cure = "; another program has this port: stop it (see ss -ulpn) or choose another "
                       "with -dns-port";
        else if (code == -EADDRNOTAVAIL)
                cure = "; no interface here has this address: see ip address";
        else if (code == -EACCES)
                cure = "; ports below 1024 need CAP_NET_BIND_SERVICE or root";
        return port_fail(error, code, "dns: cannot listen on udp %s: %s%s", text, strerror(-code),
                         cure);
}

static bool is_dual_stack(const struct runtime_config *config, const struct sockaddr_storage *a)
{
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;

        if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
                return false;
        for (size_t i = 0; i < config->listen_count; i++) {
                const struct sockaddr_in *in = (const struct sockaddr_in *)&config->listen[i];

                if (in->sin_family == AF_INET && in->sin_port == in6->sin6_port)
                        return false;
        }
        return true;
}

static int add_socket_worker(struct runtime *rt, const struct runtime_config *config,
                             struct port_queue *take_queue, const char *address, unsigned index)
{
        struct runtime_worker *rw;
        int ret = runtime_worker_add(rt, config, SOCKET_MESSAGE_MAX + 1u, &rw);

        if (ret < 0) {
                socket_queue_destroy(take_queue);
                return ret;
        }
        snprintf(rw->name, sizeof(rw->name), "udp %s #%u", address, index);
        if (config->driver == RUNTIME_SOCKET && config->lcore_count > 0)
                rw->cpu = (int)config->lcores[(rt->worker_count - 1) % config->lcore_count];
        rw->worker->idle.always_poll = true; // sleeps in the kernel, not between turns
        rw->worker->units[0] = (struct worker_unit){.queue = take_queue};
        rw->worker->unit_count = 1;
        return 0;
}

static int add_listener(struct runtime *rt, const struct runtime_config *config, size_t index,
                        const struct port_error *error)
{
        const struct sockaddr_storage *address = &config->listen[index];
        unsigned count = config->driver == RUNTIME_DPDK ? 1 : config->socket_worker_count;
        struct port_queue *queues[RUNTIME_LCORE_MAX];
        char text[ADDRESS_TEXT_MAX];
        int ret;

        ret = socket_port_open(address, is_dual_stack(config, address), queues, count);
        if (ret < 0)
                return listen_failed(address, ret, error);
        ret = socket_queue_address(queues[0], &rt->listen[index]);
        address_text((const struct sockaddr *)&rt->listen[index], text, sizeof(text));
        rt->listen_count = index + 1;
        for (unsigned i = 0; i < count; i++) {
                if (ret < 0) {
                        socket_queue_destroy(queues[i]);
                        continue;
                }
                ret = add_socket_worker(rt, config, queues[i], text, i);
        }
        if (ret < 0)
                return port_fail(error, ret, "dataplane: no memory for udp %s: %s", text,
                                 strerror(-ret));
        return 0;
}

static void destroy_workers(struct runtime *rt)
{
        for (unsigned i = 0; i < rt->worker_count; i++) {
                struct runtime_worker *rw = &rt->workers[i];

                slow_path_destroy(rw->worker->slow);
                if (!rw->is_eal)
                        socket_queue_destroy(rw->worker->units[0].queue);
                sem_destroy(&rw->ready);
                free(rw->worker);
        }
}

void runtime_stop(struct runtime *take_rt)
{
        struct runtime *rt = take_rt;

        if (rt == NULL)
                return;
        runtime_threads_stop(rt);
        destroy_workers(rt);
        runtime_dpdk_close(rt);
        runtime_restore_cpus(rt);
        close(rt->slow_fd);
        free(rt);
}

static int open_everything(struct runtime *rt, const struct runtime_config *config,
                           const struct port_error *error)
{
        int ret = 0;

        // Sockets first: a port in use is the commonest mistake and the cheapest to find.
        for (size_t i = 0; i < config->listen_count && ret == 0; i++)
                ret = add_listener(rt, config, i, error);
        if (ret < 0)
                return ret;
        if (config->lcore_count > 0)
                runtime_leave_polling_cpus(rt, config);
        if (config->driver == RUNTIME_DPDK)
                ret = runtime_dpdk_open(rt, config, error);
        if (ret < 0)
                return ret;
        return runtime_threads_start(rt, error);
}

int runtime_start(const struct runtime_config *config, struct lictor_dataplane *dp,
                  struct runtime **out, char *error_text, size_t error_size)
{
        struct port_error error = {.text = error_text, .size = error_size};
        struct runtime *rt;
        cpu_set_t cpus;
        int ret;

        CPU_ZERO(&cpus);
        if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
                return port_fail(&error, -errno, "dataplane: cannot tell which CPUs there are");
        ret = runtime_config_check(config, &cpus, &error);
        if (ret < 0)
                return ret;
        rt = calloc(1, sizeof(*rt));
        if (rt == NULL)
                return port_fail(&error, -ENOMEM, "dataplane: no memory for the runtime");
        rt->dp = dp;
        rt->slow_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (rt->slow_fd < 0) {
                ret = port_fail(&error, -errno, "dataplane: no event descriptor: %s",
                                strerror(errno));
                free(rt);
                return ret;
        }
        ret = open_everything(rt, config, &error);
        if (ret < 0) {
                runtime_stop(rt);
                return ret;
        }
        *out = rt;
        return 0;
}

int runtime_slow_fd(const struct runtime *rt)
{
        return rt->slow_fd;
}

static uint64_t monotonic_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct slow_path *newest_path(const struct runtime *rt)
{
        struct slow_path *newest = NULL;
        uint64_t newest_ns = 0;

        for (unsigned i = 0; i < rt->worker_count; i++) {
                struct slow_path *path = rt->workers[i].worker->slow;
                uint64_t ns = slow_path_newest_ns(path);

                if (ns > newest_ns) {
                        newest = path;
                        newest_ns = ns;
                }
        }
        return newest;
}

unsigned runtime_slow_take(struct runtime *rt, struct runtime_slow_query *out[], unsigned n)
{
        uint64_t wakeups, now_ns = monotonic_ns();
        struct slow_path *path;
        unsigned taken = 0;

        // Cleared before the rings are drained: what arrives meanwhile signals anew.
        (void)!read(rt->slow_fd, &wakeups, sizeof(wakeups));
        for (unsigned i = 0; i < rt->worker_count; i++)
                slow_path_drain(rt->workers[i].worker->slow, now_ns);
        while ((path = newest_path(rt)) != NULL) {
                if (taken == n) {
                        wakeups = 1; // more waits: stay readable
                        (void)!write(rt->slow_fd, &wakeups, sizeof(wakeups));
                        break;
                }
                out[taken++] = &slow_path_take(path)->query;
        }
        return taken;
}

void runtime_slow_reply(struct runtime *rt, struct runtime_slow_query *take_query)
{
        struct slow_item *item = (struct slow_item *)take_query; // its first member

        for (unsigned i = 0; i < rt->worker_count; i++) {
                if (rt->workers[i].worker->slow != item->path)
                        continue;
                worker_reply(rt->workers[i].worker, item);
                return;
        }
}

int runtime_listen_address(const struct runtime *rt, size_t listen_index,
                           struct sockaddr_storage *out)
{
        if (listen_index >= rt->listen_count)
                return -EINVAL;
        *out = rt->listen[listen_index];
        return 0;
}

unsigned runtime_counters_read(const struct runtime *rt, struct runtime_worker_info out[],
                               unsigned n)
{
        unsigned count = rt->worker_count < n ? rt->worker_count : n;

        for (unsigned i = 0; i < count; i++) {
                memcpy(out[i].name, rt->workers[i].name, sizeof(out[i].name));
                worker_counters_read(rt->workers[i].worker, &out[i].counters);
        }
        return count;
}
