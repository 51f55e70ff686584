// Text that should be peers.json. What is taken has voters, each server once, and can be encoded.
#include "control/server/peers_file.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char error[PEERS_FILE_ERROR_MAX] = "";
        struct raft_configuration c;
        unsigned voters = 0;

        if (peers_file_parse((const char *)data, size, &c, error) < 0) {
                if (error[0] == 0 || strpbrk(error, "\n\r") != NULL)
                        abort();
                return 0;
        }
        for (unsigned i = 0; i < c.server_count; i++) {
                voters += c.servers[i].voter;
                for (unsigned k = 0; k < i; k++)
                        if (strcmp(c.servers[i].address, c.servers[k].address) == 0)
                                abort();
        }
        if (voters == 0 || c.server_count > RAFT_SERVER_MAX)
                abort();
        return 0;
}
