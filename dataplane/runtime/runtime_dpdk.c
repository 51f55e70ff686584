#include "dataplane/runtime/runtime_internal.h"
#include <errno.h>
int runtime_dpdk_open(struct runtime *rt, const struct runtime_config *config,
                      const struct runtime_error *error)
{
        (void)rt;
        (void)config;
        return runtime_fail(error, -ENOTSUP, "dataplane: driver dpdk is not built in");
}
void runtime_dpdk_close(struct runtime *rt)
{
        (void)rt;
}
int runtime_eal_enter(void)
{
        return 0;
}
void runtime_eal_leave(void)
{
}
