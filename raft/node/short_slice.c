#include "raft/node/short_slice.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000u // the kernel's least

void raft_short_slice(void)
{
        struct sched_attr attr = {.size = sizeof(attr)};

        if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0)
                return;
        // An operator may have chosen otherwise.
        if (attr.sched_policy != SCHED_NORMAL && attr.sched_policy != SCHED_BATCH)
                return;
        attr.size = sizeof(attr);
        // It would take an operator's preference from the pool and from checks, too.
        attr.sched_flags = attr.sched_nice < 0 ? 0 : SCHED_FLAG_RESET_ON_FORK;
        attr.sched_runtime = SLICE_NS;
        syscall(SYS_sched_setattr, 0, &attr, 0);
}
