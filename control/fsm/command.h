#ifndef CONTROL_FSM_COMMAND_H
#define CONTROL_FSM_COMMAND_H

/**
 * Commands: everything that may change the state, as it is written to the log.
 *
 * A command is prepared (defaults filled, checked) and encoded by whoever proposes it, and decoded
 * and applied by every server. Whatever is random or depends on the time is put in by the proposer,
 * so that applying is the same everywhere.
 *
 * Encoding: one version byte, one type byte, then a msgpack map with short text keys. Unknown keys,
 * types, trailing bytes and unsorted maps are refused.
 */

#include "control/store/records.h"
#include "control/store/store_write.h"
#include <stddef.h>
#include <stdint.h>

#define COMMAND_VERSION 1
#define COMMAND_BYTES_MAX                                                                          \
        (4u << 20) /* a transaction of 128 operations at 512 KiB request size fits */
#define COMMAND_TXN_MAX         128  /* operations of a transaction, as Consul */
#define COMMAND_CHECKS_MAX      8192 /* checks in one registration */
#define COMMAND_COORDINATES_MAX 8192
#define COMMAND_RESTORE_MAX     (UINT64_C(4) << 30) /* bytes of a state to be restored */

/* Numbers are part of the log's format and never reused. */
enum command_type {
        COMMAND_NOOP = 0, /* a leader's first entry */
        COMMAND_REGISTER = 1,
        COMMAND_DEREGISTER = 2,
        COMMAND_TXN = 3,
        COMMAND_QUERY_SET = 4,
        COMMAND_QUERY_DELETE = 5,
        COMMAND_KV = 6, /* one operation of a transaction on a key */
        COMMAND_SESSION_CREATE = 7,
        COMMAND_SESSION_DESTROY = 8,
        COMMAND_TOMBSTONE_REAP = 9,
        COMMAND_COORDINATES = 10,
        COMMAND_SETTING = 11,
        COMMAND_RESTORE = 12,
        COMMAND_TYPE_COUNT
};

/* PUT /v1/catalog/register. service.node and the checks' node may be "": they take node.name. */
struct command_register {
        struct catalog_node node;
        bool skip_node_update; /* an existing node keeps its address and metadata */
        bool has_service;
        struct catalog_service service;
        struct catalog_check *checks; /* Check and Checks together */
        uint32_t check_count;
};

/* With a service id the service goes, else with a check id the check, else the node. */
struct command_deregister {
        const char *node;
        const char *service_id;
        const char *check_id;
};

/* Both are part of the log's format. */
enum txn_kind { TXN_NODE, TXN_SERVICE, TXN_CHECK, TXN_KV, TXN_SESSION, TXN_KIND_COUNT };

enum txn_verb {
        TXN_GET,
        TXN_SET,
        TXN_CAS, /* only when index is the row's modify index */
        TXN_DELETE,
        TXN_DELETE_CAS,
        TXN_LOCK, /* these are for keys only */
        TXN_UNLOCK,
        TXN_GET_TREE,
        TXN_DELETE_TREE,
        TXN_CHECK_INDEX,
        TXN_CHECK_SESSION,
        TXN_CHECK_NOT_EXISTS,
        TXN_VERB_COUNT,
        TXN_VERB_UNKNOWN = TXN_VERB_COUNT /* refused by command_prepare with verb_text */
};

struct txn_op {
        enum txn_kind kind;
        enum txn_verb verb;
        const char *verb_text; /* as the client wrote it, for the refusal; not encoded */
        uint64_t index;        /* for cas, delete-cas and check-index */
        union {
                struct catalog_node node;
                struct catalog_service service;
                struct catalog_check check;
                struct kv_entry kv;     /* its session is who locks; no lock index */
                const char *session_id; /* to be deleted */
        };
};

struct command_txn {
        struct txn_op *ops;
        uint32_t op_count;
};

/* One of the cluster's settings. With cas only when index is its modify index, 0: none is set. */
struct command_setting {
        struct catalog_setting setting;
        bool cas;
        uint64_t index;
};

/* Coordinates of several nodes; those of unknown ones are passed over. */
struct command_coordinates {
        struct catalog_coordinate *items;
        uint32_t count; /* COMMAND_COORDINATES_MAX at most */
};

/*
 * One piece of a state (a store snapshot) that replaces the present one when its last piece is
 * there. Pieces come in order; one that comes twice is let pass, and the first of another restore
 * ends one that is under way.
 */
struct command_restore {
        const char *id;  /* the same in all pieces */
        uint64_t offset; /* of this piece */
        uint64_t total;  /* bytes of the state */
        const uint8_t *bytes;
        uint32_t len; /* not 0 */
};

struct command_query_delete {
        const char *id;
};

struct command {
        enum command_type type;
        union {
                struct command_register reg;
                struct command_deregister dereg;
                struct command_txn txn;
                struct {
                        struct catalog_query query;
                        bool create; /* refuse an id that exists; otherwise one that does not */
                } query_set;
                struct command_query_delete query_delete;
                struct txn_op kv;
                struct catalog_session session_create;
                const char *session_destroy; /* its id */
                uint64_t reap_index;         /* of the last deletion to forget */
                struct command_coordinates coordinates;
                struct command_setting setting;
                struct command_restore restore;
        };
};

/** Whether an operation only reads, and so needs no log. An unknown verb on a key counts as one. */
bool txn_op_is_read(const struct txn_op *op);

/** Likewise a whole transaction. */
bool txn_only_reads(const struct command_txn *txn);

/** The word of a verb, as Consul has it; not of VERB_UNKNOWN. */
const char *txn_verb_word(enum txn_verb verb);

/** The verb of a word ("set", "delete-cas", ...), TXN_VERB_UNKNOWN for others. */
enum txn_verb txn_verb_of(const char *word);

struct txn_error {
        uint32_t op_index;
        struct store_error error;
};

struct txn_result_row {
        enum txn_kind kind;
        bool without_value;  /* of a key: what was written is not shown */
        union store_row row; /* one reference held */
};

/** What applying a command gave. */
struct fsm_result {
        uint64_t index;           /* the log index; 0 when the command never got into the log */
        char given_id[37];        /* of what was created where its ID is chosen; else "" */
        bool refused;             /* a key's cas, lock or unlock did not apply: not an error */
        struct store_error error; /* text[0] is 0 on success; a failed transaction keeps it empty */
        struct txn_error
            *txn_errors; /* of a transaction, by operation; any means nothing was done */
        uint32_t txn_error_count;
        struct txn_result_row *txn_rows; /* what get, set and cas gave */
        uint32_t txn_row_count;
};

/** Zero a result, and give back what it holds. */
void fsm_result_init(struct fsm_result *r);
void fsm_result_fini(struct fsm_result *r);
static inline bool fsm_result_ok(const struct fsm_result *r)
{
        return r->error.text[0] == 0 && r->txn_error_count == 0;
}

/** Note that one operation of a transaction failed. @error  copied. */
void fsm_result_add_error(struct fsm_result *r, uint32_t op_index, const struct store_error *error);

/**
 * Fill in defaults and refuse what Consul refuses before it reaches the log.
 * @command  changed in place: ids from names, node names, status, weights.
 * @result   initialised; gets the refusal.
 * returns   0 or -EINVAL.
 */
int command_prepare(struct command *command, struct fsm_result *result);

struct byte_buffer;

/**
 * Append a prepared command's encoding.
 * returns  0; -EINVAL for a type that is not known; -E2BIG beyond COMMAND_BYTES_MAX.
 */
int command_encode(const struct command *command, struct byte_buffer *out);

struct arena;

/**
 * Decode and check one command; its texts and arrays are in @arena.
 * returns  0; -EBADMSG for damaged bytes; -ENOTSUP for a version or type that is not known.
 */
int command_decode(const uint8_t *bytes, size_t len, struct arena *arena, struct command *out);

#endif
