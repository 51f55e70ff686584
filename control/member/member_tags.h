#ifndef CONTROL_MEMBER_MEMBER_TAGS_H
#define CONTROL_MEMBER_MEMBER_TAGS_H

/**
 * What agents tell each other of themselves in Serf's tags, as Consul 1.10's do. Pure.
 */

#include "control/gossip/tags.h"

#define MEMBER_TEXT_MAX 256u

enum member_role {
        MEMBER_STRANGER, /* speaks Serf, but is no agent of ours: no role, or another */
        MEMBER_CLIENT,
        MEMBER_SERVER,
};

/* The revision in our servers' build tag, which tells them from Consul's. */
#define MEMBER_BUILD_REVISION "lictor"

/* Texts are NUL-terminated, "" when the tag is missing. */
struct member_info {
        enum member_role role;
        char datacenter[MEMBER_TEXT_MAX];
        char segment[64];
        char node_id[37]; /* "" unless it is a UUID's text */
        char build[64];   /* "1.10.12:revision" */
        uint16_t port;    /* of a server; 0: none that could be */
        uint16_t wan_join_port;
        uint32_t expect;
        bool bootstrap;
        bool use_tls;
        bool nonvoter;
        char raft_version[8];
        uint64_t reconnect_timeout_ms; /* how long it is kept once it failed; 0: as others */
};

/**
 * Append a member's tags as memberlist's meta.
 * @wan  for the pool between datacenters.
 */
void member_tags_put(const struct member_info *info, bool wan, struct byte_buffer *out);

/** Read what is known of them; what is damaged or too long counts as missing. */
void member_tags_get(struct pack_slice meta, struct member_info *out);

/** Whether it is an agent of this program, as its build tag says; otherwise it is Consul's. */
bool member_is_ours(const struct member_info *info);

/** The version in a build tag, "1.10.12", without what follows. @out  size bytes. */
void member_build_version(const struct member_info *info, char *out, size_t size);

#endif
