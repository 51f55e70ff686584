#include <errno.h>

#include "raft/core/raft_internal.h"

void transfer_progress(struct raft *r)
{
        struct progress *p;

        if (r->transfer_to == RAFT_NO_SERVER || r->transfer_sent)
                return;
        p = raft_peer(r, r->transfer_to);
        if (p == NULL || p->match != log_last_index(&r->log))
                return;
        raft_send(r, &r->now, RAFT_TIMEOUT_NOW, p->id);
        r->transfer_sent = true;
        // From here on somebody may be elected at any time, however fresh our lease.
        r->lease_void = true;
}

int raft_transfer(struct raft *r, raft_server_id to, uint64_t now_ms)
{
        int ret = raft_begin(r, now_ms);

        if (ret != 0)
                return ret;
        if (r->role != RAFT_LEADER)
                return -EPERM;
        if (to == r->options.id || !configuration_is_voter(&r->configuration, to))
                return -EINVAL;
        r->transfer_to = to;
        r->transfer_deadline_ms = r->now_ms + r->options.election_timeout_ms;
        r->transfer_sent = false;
        transfer_progress(r);
        return 0;
}
