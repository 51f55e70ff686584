#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "raft/core/configuration.h"
#include "raft/node/node_internal.h"

/* What is in the storage: up to where, and who the servers were. */
struct found {
        raft_index index;
        raft_term term;
        struct raft_configuration configuration;
};

static void look(const struct storage_restored *restored, struct found *out)
{
        const struct raft_restored *raft = &restored->raft;

        *out = (struct found){raft->snapshot_index, raft->snapshot_term, raft->configuration};
        for (size_t i = 0; i < raft->entry_count; i++) {
                const struct raft_entry *entry = &restored->entries[i];
                struct raft_configuration configuration;

                if (entry->index <= raft->snapshot_index)
                        continue;
                out->index = entry->index;
                out->term = entry->term;
                if (entry->type == RAFT_ENTRY_CONFIGURATION && entry->data != NULL &&
                    raft_configuration_decode(entry->data->bytes, entry->data->length,
                                              &configuration) == 0)
                        out->configuration = configuration;
        }
}

static const struct raft_server *by_address(const struct raft_configuration *configuration,
                                            const char *address)
{
        for (unsigned i = 0; i < configuration->server_count; i++)
                if (strcmp(configuration->servers[i].address, address) == 0)
                        return &configuration->servers[i];
        return NULL;
}

// Whoever is only named by an address is the one who had it.
static int identify(const struct raft_node_options *o, const struct found *found,
                    struct raft_configuration *wanted, char *error, size_t error_size)
{
        for (unsigned i = 0; i < wanted->server_count; i++) {
                struct raft_server *server = &wanted->servers[i];
                const struct raft_server *known =
                    by_address(&found->configuration, server->address);
                const char *node_id = server->node_id;

                if (node_id[0] == '\0')
                        node_id = strcmp(server->address, o->address) == 0 ? o->node_id
                                  : known != NULL                          ? known->node_id
                                                                           : "";
                if (node_id != server->node_id)
                        snprintf(server->node_id, sizeof(server->node_id), "%s", node_id);
                server->id = raft_server_id_of(server->node_id);
                if (server->id == RAFT_NO_SERVER) {
                        snprintf(error, error_size,
                                 "no server with the address %s is known here: name it by its id",
                                 server->address);
                        return -EINVAL;
                }
        }
        wanted->cluster_id = found->configuration.cluster_id;
        if (configuration_is_voter(wanted, raft_server_id_of(o->node_id)))
                return 0;
        snprintf(error, error_size, "this server, %s, is not one of its voters", o->node_id);
        return -EINVAL;
}

static int replay(const struct raft_node_options *o, const struct storage_restored *restored,
                  char *error, size_t error_size)
{
        const struct raft_state_machine *machine = &o->machine;
        raft_index snapshot_index = restored->raft.snapshot_index;
        void *state = NULL;
        int ret = 0;

        if (restored->snapshot != NULL) {
                ret = machine->restore_decode(machine->arg, restored->snapshot,
                                              restored->snapshot_length, &state);
                if (ret != 0) {
                        snprintf(error, error_size,
                                 "the snapshot at entry %" PRIu64 " cannot be restored: %s",
                                 snapshot_index, strerror(-ret));
                        return ret;
                }
                machine->restore_swap(machine->arg, snapshot_index, state);
        }
        for (size_t i = 0; i < restored->raft.entry_count; i++) {
                const struct raft_entry *entry = &restored->entries[i];
                struct raft_node_entry e;

                if (entry->index <= snapshot_index || entry->type != RAFT_ENTRY_COMMAND ||
                    entry->data == NULL)
                        continue;
                e = (struct raft_node_entry){.index = entry->index,
                                             .term = entry->term,
                                             .bytes = entry->data->bytes,
                                             .length = entry->data->length};
                machine->apply(machine->arg, &e);
        }
        return 0;
}

static int keep(const struct raft_node_options *o, struct storage *storage,
                const struct found *found, const struct raft_configuration *wanted, char *error,
                size_t error_size)
{
        const struct raft_state_machine *machine = &o->machine;
        struct storage_snapshot snapshot = {found->index, found->term, *wanted};
        char text[STORAGE_ERROR_MAX] = "";
        void *gather = machine->snapshot_begin(machine->arg);
        raft_index older_index;
        int ret;

        if (gather == NULL) {
                snprintf(error, error_size,
                         "the log ends in the middle of a restored archive, of which no snapshot "
                         "can be taken");
                return -EBUSY;
        }
        ret = storage_write_snapshot(storage, &snapshot, machine->snapshot_encode, gather,
                                     &older_index, text);
        machine->snapshot_end(machine->arg, gather);
        if (ret == 0) {
                ret = storage_reset(storage, found->index, found->term);
                if (ret != 0)
                        snprintf(text, sizeof(text), "%s", storage_error_text(storage));
        }
        if (ret != 0)
                snprintf(error, error_size, "%s", text);
        return ret;
}

int recover(const struct raft_node_options *o, char *error, size_t error_size)
{
        struct raft_configuration wanted = *o->recover;
        char text[STORAGE_ERROR_MAX] = "";
        struct storage_restored restored;
        struct storage *storage;
        struct found found;
        int ret = storage_open(o->dir, o->files, o->node_id, &storage, &restored, text);

        if (ret != 0) {
                snprintf(error, error_size, "%s", text);
                return ret;
        }
        look(&restored, &found);
        if (found.index == 0 || found.configuration.cluster_id == 0) {
                snprintf(error, error_size, "there is nothing here to recover a cluster from");
                ret = -ENODATA;
        }
        if (ret == 0)
                ret = identify(o, &found, &wanted, error, error_size);
        if (ret == 0)
                ret = replay(o, &restored, error, error_size);
        if (ret == 0)
                ret = keep(o, storage, &found, &wanted, error, error_size);
        storage_restored_fini(&restored, false);
        storage_close(storage);
        return ret;
}
