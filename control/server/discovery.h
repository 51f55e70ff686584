#ifndef CONTROL_SERVER_DISCOVERY_H
#define CONTROL_SERVER_DISCOVERY_H

/**
 * Which servers there are, and whether they live: what Raft's membership, the catalog and operators
 * are told. Behind this seam gossip finds servers (control/member), and they introduce themselves
 * to each other (introductions.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVER_NAME_MAX    256u
#define SERVER_ADDRESS_MAX 64u /* "ip:port" */
#define SERVER_KNOWN_MAX   64u

enum server_life {
        SERVER_ALIVE,
        SERVER_LEFT,   /* it said so */
        SERVER_FAILED, /* it was heard, and then no more */
};

/* What a server says of itself. Texts are NUL-terminated. */
struct server_info {
        char name[SERVER_NAME_MAX];       /* of its node */
        char node_id[37];                 /* a UUID's text */
        char address[SERVER_ADDRESS_MAX]; /* of its server port */
        char datacenter[SERVER_NAME_MAX];
        char version[32];
        uint32_t expect;     /* bootstrap_expect; 0: none */
        bool bootstrap;      /* -bootstrap */
        bool empty;          /* its log holds nothing: it belongs to no cluster */
        bool leader;         /* it leads */
        uint16_t serf_port;  /* where its gossip is or will be */
        uint64_t cluster_id; /* 0: none */
        uint64_t candidates; /* bootstrap_digest of those it would bootstrap with; 0: too few */
};

struct server_member {
        struct server_info info;
        enum server_life life;
        uint64_t since_ms; /* when it came into that state */
};

/* Told when a server appears, changes what it says of itself, leaves, fails or comes back. */
typedef void (*server_event_fn)(void *arg, const struct server_member *member);

/* One way of finding servers. */
struct discovery {
        /** Members known, this server first; borrowed until the loop turns. */
        const struct server_member *(*members)(struct discovery *self, size_t *count);
        /** Say what has changed here: this server's own line. */
        void (*announce)(struct discovery *self, const struct server_info *own);
        /** Tell the others that this server goes for good; done is called when they know. */
        void (*leave)(struct discovery *self, void (*done)(void *arg), void *arg);
        /** Forget a server that failed or left. @node_id a UUID's text. */
        void (*forget)(struct discovery *self, const char *node_id);
};

#endif
