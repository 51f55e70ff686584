#include <string.h>

#include "raft/node/node.h"

#define UUID_LENGTH 36u

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

raft_server_id raft_server_id_of(const char *node_id)
{
        raft_server_id halves[2] = {0};
        unsigned digits = 0;

        if (strlen(node_id) != UUID_LENGTH)
                return RAFT_NO_SERVER;
        for (unsigned i = 0; i < UUID_LENGTH; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;
                int value = hex_value(node_id[i]);

                if (dash ? node_id[i] != '-' : value < 0)
                        return RAFT_NO_SERVER;
                if (!dash)
                        halves[digits / 16] = halves[digits / 16] << 4 | (unsigned)value;
                digits += !dash;
        }
        return halves[0] != 0 ? halves[0] : halves[1];
}
