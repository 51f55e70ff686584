#include <stdlib.h>

#include "control/follow/follow_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct store *store = store_create();
        struct follow_request request;
        struct follow_item item;

        (void)follow_request_decode(data, size, &request);
        if (follow_item_decode(data, size, &item) == 0 && item.kind == FOLLOW_DELTA &&
            item.index > 0 && follow_rows_apply(store, item.index, item.bytes, item.len) < 0 &&
            store_count(store, STORE_NODES) + store_count(store, STORE_SERVICES) > 0)
                abort();
        store_destroy(store);
        return 0;
}
