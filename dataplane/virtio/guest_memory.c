#include "dataplane/virtio/guest_memory.h"

uint8_t *guest_memory_at(const struct guest_memory *memory, uint64_t address, uint64_t *length)
{
        for (unsigned i = 0; i < memory->region_count; i++) {
                const struct guest_region *region = &memory->regions[i];
                const uint64_t offset = address - region->guest_address;

                if (offset >= region->size)
                        continue;
                if (*length > region->size - offset)
                        *length = region->size - offset;
                return region->host + offset;
        }
        return NULL;
}

bool guest_memory_holds(const struct guest_memory *memory, const void *host, uint64_t length)
{
        for (unsigned i = 0; i < memory->region_count; i++) {
                const struct guest_region *region = &memory->regions[i];
                const uint64_t offset = (uintptr_t)host - (uintptr_t)region->host;

                if (offset < region->size && length <= region->size - offset)
                        return true;
        }
        return false;
}
