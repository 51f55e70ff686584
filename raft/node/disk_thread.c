#include "raft/node/disk_thread.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "raft/node/short_slice.h"

struct disk_thread {
        void (*work)(void *arg);
        void (*done)(void *arg);
        void (*closed)(void *arg);
        void *arg;
        uv_thread_t thread;
        uv_sem_t submitted; // orders what the loop wrote before what the thread reads
        int finished;       // an event descriptor; orders the other way
        uv_poll_t poll;
        bool stopping;
};

static void run(void *arg)
{
        struct disk_thread *t = arg;
        const uint64_t one = 1;
        ssize_t ret;

        raft_short_slice();
        for (;;) {
                uv_sem_wait(&t->submitted);
                if (t->stopping)
                        return;
                t->work(t->arg);
                do
                        ret = write(t->finished, &one, sizeof(one));
                while (ret < 0 && errno == EINTR);
                assert(ret == sizeof(one));
        }
}

static void on_finished(uv_poll_t *poll, int status, int events)
{
        struct disk_thread *t = poll->data;
        uint64_t count;

        (void)status;
        (void)events;
        if (read(t->finished, &count, sizeof(count)) == sizeof(count))
                t->done(t->arg);
}

static void on_closed(uv_handle_t *handle)
{
        struct disk_thread *t = handle->data;

        close(t->finished);
        if (t->closed != NULL)
                t->closed(t->arg);
        free(t);
}

int disk_thread_create(struct disk_thread **out, uv_loop_t *loop, void (*work)(void *arg),
                       void (*done)(void *arg), void *arg)
{
        struct disk_thread *t = calloc(1, sizeof(*t));
        int ret;

        if (t == NULL)
                return -ENOMEM;
        t->work = work;
        t->done = done;
        t->arg = arg;
        t->finished = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        ret = t->finished < 0 ? -errno : uv_poll_init(loop, &t->poll, t->finished);
        if (ret < 0)
                goto free_thread;
        t->poll.data = t;
        ret = uv_poll_start(&t->poll, UV_READABLE, on_finished);
        if (ret == 0)
                ret = uv_sem_init(&t->submitted, 0);
        if (ret < 0)
                goto close_poll;
        ret = uv_thread_create(&t->thread, run, t);
        if (ret < 0) {
                uv_sem_destroy(&t->submitted);
                goto close_poll;
        }
        *out = t;
        return 0;
close_poll:
        uv_close((uv_handle_t *)&t->poll, on_closed);
        return ret;
free_thread:
        if (t->finished >= 0)
                close(t->finished);
        free(t);
        return ret;
}

void disk_thread_submit(struct disk_thread *thread)
{
        uv_sem_post(&thread->submitted);
}

void disk_thread_close(struct disk_thread *take_thread, void (*closed)(void *arg))
{
        take_thread->closed = closed;
        take_thread->stopping = true;
        uv_sem_post(&take_thread->submitted);
        uv_thread_join(&take_thread->thread);
        uv_sem_destroy(&take_thread->submitted);
        uv_close((uv_handle_t *)&take_thread->poll, on_closed);
}
