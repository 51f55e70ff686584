#include "control/store/settler.h"

#define TURN_NS 1000000u

static void on_idle(uv_idle_t *idle)
{
        struct settler *s = idle->data;
        uint64_t began_ns = uv_hrtime();
        bool settling = store_is_settling(s->store), more;

        do
                more = store_settle(s->store);
        while (more && uv_hrtime() < began_ns + TURN_NS);
        if (!more)
                uv_idle_stop(idle);
        if (settling && !store_is_settling(s->store))
                s->settled(s->arg);
}

void settler_init(struct settler *s, uv_loop_t *loop, struct store *store,
                  void (*settled)(void *arg), void *arg)
{
        *s = (struct settler){.store = store, .settled = settled, .arg = arg};
        uv_idle_init(loop, &s->idle);
        s->idle.data = s;
}

void settler_run(struct settler *s)
{
        uv_idle_start(&s->idle, on_idle);
}

static void on_closed(uv_handle_t *idle)
{
        struct settler *s = idle->data;

        s->closed(s->arg);
}

void settler_close(struct settler *s, void (*closed)(void *arg))
{
        s->closed = closed;
        uv_close((uv_handle_t *)&s->idle, on_closed);
}
