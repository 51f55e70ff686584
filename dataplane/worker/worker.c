#include "dataplane/worker/worker.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "dataplane/plane/plane.h"
#include "dataplane/worker/burst.h"

#define NS_PER_S 1000000000ull

// How long a worker polls without packets before it first sleeps, in turns of some 50 to 100 ns.
#define IDLE_TURNS_BEFORE_SLEEP 2000u
#define IDLE_SLEEP_FIRST_NS     2000u
// Bounds both the latency of the first packet after silence and what arrives meanwhile; waking
// this often costs under 2 % of a core.
#define IDLE_SLEEP_MAX_NS 2000000u

uint64_t worker_cycles(void)
{
#if defined(__x86_64__)
        return __builtin_ia32_rdtsc();
#else
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
#endif
}

static uint32_t unix_time_s(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        return (uint32_t)now.tv_sec;
}

static uint64_t monotonic_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static unsigned receive(struct port_queue *q, struct burst *b)
{
        if (q->blocks)
                lictor_reader_offline();
        b->count = q->operations->receive(q, b->packets, PORT_BURST_MAX);
        if (q->blocks)
                lictor_reader_online();
        return b->count;
}

static void set_client(struct sockaddr_storage *client, const struct port_packet *packet,
                       const struct frame_info *info)
{
        const uint8_t *ip = packet->data + info->l2_length;
        const uint8_t *udp = ip + info->l3_length;

        memset(client, 0, sizeof(*client));
        if (info->ip_version == 4) {
                struct sockaddr_in *in = (struct sockaddr_in *)client;

                in->sin_family = AF_INET;
                memcpy(&in->sin_addr, ip + 12, 4);
                memcpy(&in->sin_port, udp, 2);
        } else {
                struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)client;

                in6->sin6_family = AF_INET6;
                memcpy(&in6->sin6_addr, ip + 8, 16);
                memcpy(&in6->sin6_port, udp, 2);
        }
}

// returns whether the packet now belongs to the slow path.
static bool punt(struct worker *w, const struct worker_unit *u, const struct burst *b, unsigned i)
{
        const struct port_packet *packet = &b->packets[i];
        struct slow_item *item = slow_path_reserve(w->slow);
        uint16_t offset = 0;
        uint16_t room;

        if (item == NULL)
                return false;
        if (!u->queue->operations->retain(u->queue, packet, &item->retained)) {
                slow_path_release(w->slow, item);
                return false;
        }
        room = item->retained.packet.capacity;
        item->query.message.length = packet->length;
        if (u->host != NULL) {
                offset = b->infos[i].message_offset;
                room = (uint16_t)(room - offset);
                if (room > b->infos[i].message_max)
                        room = b->infos[i].message_max;
                item->info = b->infos[i];
                item->query.message.length = b->infos[i].message_length;
                set_client(&item->query.client, packet, &b->infos[i]);
        } else {
                item->query.client = item->retained.client;
        }
        item->query.message.data = item->retained.packet.data + offset;
        item->query.message.capacity = room;
        item->query.message.verdict = DNS_PUNT;
        item->query.received_ns = monotonic_ns();
        item->queue = u->queue;
        item->host = u->host;
        counter_add(&w->counters.punted, 1);
        slow_path_punt(w->slow, item);
        return true;
}

static void send_all(struct worker *w, struct port_queue *q, const struct port_packet packets[],
                     unsigned n)
{
        unsigned sent = q->operations->send(q, packets, n);

        if (sent < n)
                counter_add(&w->counters.send_dropped, n - sent);
}

static void send_to_kernel(struct worker *w, const struct worker_unit *u,
                           const struct port_packet packets[], unsigned n)
{
        unsigned sent = 0;

        if (u->exception != NULL)
                sent = u->exception->operations->send(u->exception, packets, n);
        else
                u->queue->operations->drop(u->queue, packets, n);
        counter_add(&w->counters.exception_to_kernel, sent);
        counter_add(&w->counters.exception_dropped, n - sent);
}

// Not everything is sent: sort the packets by what becomes of them.
static void dispatch(struct worker *w, const struct worker_unit *u, const struct burst *b)
{
        struct port_packet answers[PORT_BURST_MAX], kernel[PORT_BURST_MAX], dead[PORT_BURST_MAX];
        unsigned answer_count = 0, kernel_count = 0, dead_count = 0;

        for (unsigned i = 0; i < b->count; i++) {
                switch ((enum burst_fate)b->fates[i]) {
                case BURST_SEND:
                        answers[answer_count++] = b->packets[i];
                        break;
                case BURST_EXCEPTION:
                        kernel[kernel_count++] = b->packets[i];
                        break;
                case BURST_PUNT:
                        if (punt(w, u, b, i))
                                break;
                        counter_add(&w->counters.punt_dropped_full, 1);
                        dead[dead_count++] = b->packets[i];
                        break;
                case BURST_DROP:
                        dead[dead_count++] = b->packets[i];
                        break;
                }
        }
        if (answer_count > 0)
                send_all(w, u->queue, answers, answer_count);
        if (kernel_count > 0)
                send_to_kernel(w, u, kernel, kernel_count);
        if (dead_count > 0)
                u->queue->operations->drop(u->queue, dead, dead_count);
}

static unsigned serve_queue(struct worker *w, const struct worker_unit *u)
{
        struct dns_env env;
        struct burst b;
        uint64_t start = u->queue->blocks ? 0 : worker_cycles();

        if (receive(u->queue, &b) == 0)
                return 0;
        if (u->queue->blocks)
                start = worker_cycles();
        env = (struct dns_env){
            .zone = plane_zone(w->dp),
            .table = plane_table(w->dp),
            .random = &w->random,
            .now_s = unix_time_s(),
            .transport = DNS_UDP,
        };
        plane_env_peers(w->dp, &env);
        if (u->host != NULL)
                burst_answer_frames(&b, u->host, &env, u->queue->fills_checksums, &w->counters);
        else
                burst_answer_datagrams(&b, &env, &w->counters);
        if (b.send_count == b.count)
                send_all(w, u->queue, b.packets, b.count);
        else
                dispatch(w, u, &b);
        // Last, so that whoever sees a packet received sees what became of it.
        counter_add(&w->counters.received, b.count);
        counter_add(&w->counters.bursts, 1);
        counter_add(&w->counters.busy_cycles, worker_cycles() - start);
        return b.count;
}

static unsigned serve_kernel(struct worker *w, const struct worker_unit *u)
{
        struct port_packet packets[PORT_BURST_MAX];
        unsigned n = u->exception->operations->receive(u->exception, packets, PORT_BURST_MAX);

        if (n == 0)
                return 0;
        counter_add(&w->counters.exception_from_kernel, n);
        send_all(w, u->queue, packets, n);
        return n;
}

static void send_reply(struct worker *w, struct slow_item *item)
{
        struct port_queue *q = item->queue;
        const struct dns_message *message = &item->query.message;

        burst_count_message(message, &w->counters);
        if (message->verdict != DNS_ANSWERED) {
                q->operations->drop_retained(q, &item->retained);
                return;
        }
        burst_finish_frame(&item->retained.packet, &item->info, item->host, message->length,
                           q->fills_checksums);
        if (!q->operations->send_retained(q, &item->retained))
                counter_add(&w->counters.send_dropped, 1);
}

static unsigned serve_replies(struct worker *w)
{
        unsigned n;

        for (n = 0; n < SLOW_ITEM_COUNT; n++) {
                struct slow_item *item = slow_path_next_reply(w->slow);

                if (item == NULL)
                        break;
                if (!item->queue->replies_from_anyone)
                        send_reply(w, item);
                slow_path_release(w->slow, item);
        }
        return n;
}

unsigned worker_turn(struct worker *w)
{
        unsigned moved = serve_replies(w);

        for (unsigned i = 0; i < w->unit_count; i++) {
                moved += serve_queue(w, &w->units[i]);
                if (w->units[i].exception != NULL)
                        moved += serve_kernel(w, &w->units[i]);
        }
        return moved;
}

// Asking an empty ring again at once only takes its cache line from whoever fills it.
static void relax(void)
{
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
}

static void rest(struct worker *w, unsigned moved)
{
        struct worker_idle *idle = &w->idle;
        struct timespec pause = {0};

        if (moved > 0) {
                idle->empty_turns = 0;
                return;
        }
        relax();
        if (idle->always_poll)
                return;
        if (++idle->empty_turns < IDLE_TURNS_BEFORE_SLEEP)
                return;
        if (idle->empty_turns == IDLE_TURNS_BEFORE_SLEEP)
                idle->sleep_ns = IDLE_SLEEP_FIRST_NS;
        else if (idle->sleep_ns < IDLE_SLEEP_MAX_NS / 2)
                idle->sleep_ns *= 2;
        else
                idle->sleep_ns = IDLE_SLEEP_MAX_NS;
        pause.tv_nsec = (long)idle->sleep_ns;
        lictor_reader_offline();
        nanosleep(&pause, NULL);
        lictor_reader_online();
        counter_add(&w->counters.sleeps, 1);
}

void worker_run(struct worker *w)
{
        // Else the kernel may add 50 us to each of the short sleeps.
        prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0);
        lictor_reader_register();
        while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
                unsigned moved = worker_turn(w);

                lictor_reader_quiescent();
                rest(w, moved);
        }
        lictor_reader_unregister();
}

void worker_stop(struct worker *w)
{
        atomic_store_explicit(&w->stop, true, memory_order_relaxed);
        for (unsigned i = 0; i < w->unit_count; i++) {
                struct port_queue *q = w->units[i].queue;

                if (q->blocks)
                        q->operations->wake(q);
        }
}

void worker_reply(struct worker *w, struct slow_item *take_item)
{
        struct port_queue *q = take_item->queue;
        const struct dns_message *message = &take_item->query.message;

        if (q->replies_from_anyone) {
                burst_count_message(message, &w->replied);
                take_item->retained.packet.length = message->length;
                if (message->verdict != DNS_ANSWERED)
                        q->operations->drop_retained(q, &take_item->retained);
                else if (!q->operations->send_retained(q, &take_item->retained))
                        counter_add(&w->replied.send_dropped, 1);
        }
        slow_path_reply(take_item->path, take_item);
}
