#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/runtime/runtime_internal.h"

static struct worker *worker_create(const struct runtime *rt, const struct runtime_config *config)
{
        struct worker *w = aligned_alloc(LICTOR_CACHE_LINE, sizeof(*w));

        if (w == NULL)
                return NULL;
        memset(w, 0, sizeof(*w));
        w->dp = rt->dp;
        w->idle.always_poll = config->idle == RUNTIME_IDLE_POLL;
        atomic_init(&w->stop, false);
        if (getrandom(&w->random.state, sizeof(w->random.state), 0) < 0)
                w->random.state = (uintptr_t)w ^ worker_cycles();
        return w;
}

int runtime_worker_add(struct runtime *rt, const struct runtime_config *config, size_t buffer_size,
                       struct runtime_worker **out)
{
        struct runtime_worker *rw = &rt->workers[rt->worker_count];
        int ret;

        if (rt->worker_count == RUNTIME_WORKER_MAX)
                return -E2BIG;
        rw->worker = worker_create(rt, config);
        if (rw->worker == NULL)
                return -ENOMEM;
        ret = slow_path_create(buffer_size, rt->slow_fd, &rw->worker->slow);
        if (ret < 0) {
                free(rw->worker);
                return ret;
        }
        sem_init(&rw->ready, 0, 0);
        rw->cpu = -1;
        rt->worker_count++;
        *out = rw;
        return 0;
}

static void *thread_main(void *argument)
{
        struct runtime_worker *rw = argument;

        rw->entered = rw->is_eal ? runtime_eal_enter() : 0;
        sem_post(&rw->ready);
        if (rw->entered < 0)
                return NULL;
        worker_run(rw->worker);
        if (rw->is_eal)
                runtime_eal_leave();
        return NULL;
}

static int thread_create(struct runtime_worker *rw)
{
        pthread_attr_t attributes;
        sigset_t all, before;
        cpu_set_t cpu;
        int ret;

        CPU_ZERO(&cpu);
        ret = pthread_attr_init(&attributes);
        if (ret != 0)
                return -ret;
        if (rw->cpu >= 0) {
                CPU_SET((size_t)rw->cpu, &cpu);
                pthread_attr_setaffinity_np(&attributes, sizeof(cpu), &cpu);
        }
        // Signals are the control thread's business; workers inherit a full mask.
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        ret = pthread_create(&rw->thread, &attributes, thread_main, rw);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        return -ret;
}

int runtime_threads_start(struct runtime *rt, const struct port_error *error)
{
        for (unsigned i = 0; i < rt->worker_count; i++) {
                struct runtime_worker *rw = &rt->workers[i];
                char name[16];
                int ret;

                rw->worker->started_cycles = worker_cycles();
                ret = thread_create(rw);
                if (ret < 0)
                        return port_fail(error, ret, "dataplane: no thread for worker %s: %s",
                                         rw->name, strerror(-ret));
                rw->is_running = true;
                snprintf(name, sizeof(name), "%s", rw->name);
                pthread_setname_np(rw->thread, name);
                while (sem_wait(&rw->ready) < 0 && errno == EINTR)
                        ;
                if (rw->entered < 0)
                        return port_fail(error, rw->entered,
                                         "dataplane: EAL has no lcore left for worker %s: %s",
                                         rw->name, strerror(-rw->entered));
        }
        return 0;
}

void runtime_threads_stop(struct runtime *rt)
{
        // All are told before any is waited for, so that they end side by side.
        for (unsigned i = 0; i < rt->worker_count; i++)
                if (rt->workers[i].is_running)
                        worker_stop(rt->workers[i].worker);
        for (unsigned i = 0; i < rt->worker_count; i++) {
                if (!rt->workers[i].is_running)
                        continue;
                pthread_join(rt->workers[i].thread, NULL);
                rt->workers[i].is_running = false;
        }
}

// The caller's and those of libraries, liburcu's among them, which were there before. One that ends
// meanwhile needs no moving.
static void move_threads(const cpu_set_t *cpus)
{
        DIR *tasks = opendir("/proc/self/task");
        const struct dirent *task;

        if (tasks == NULL)
                return;
        while ((task = readdir(tasks)) != NULL) {
                const pid_t thread = (pid_t)strtol(task->d_name, NULL, 10);

                if (thread > 0)
                        (void)sched_setaffinity(thread, sizeof(*cpus), cpus);
        }
        closedir(tasks);
}

void runtime_leave_polling_cpus(struct runtime *rt, const struct runtime_config *config)
{
        cpu_set_t rest;

        if (!rt->has_moved && sched_getaffinity(0, sizeof(rt->cpus_before), &rt->cpus_before) < 0)
                return;
        rest = rt->cpus_before;
        for (size_t i = 0; i < config->lcore_count; i++)
                CPU_CLR(config->lcores[i], &rest);
        // With every CPU polling there is nowhere else to be: the scheduler shares them.
        if (CPU_COUNT(&rest) == 0)
                return;
        move_threads(&rest);
        rt->has_moved = true;
}

void runtime_restore_cpus(struct runtime *rt)
{
        if (rt->has_moved)
                move_threads(&rt->cpus_before);
        rt->has_moved = false;
}
