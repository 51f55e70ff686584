#include "tests/control/fsm/machine.h"
#include "lictor/bytes.h"
#include "lictor/random.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void listen(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct machine *m = arg;
        size_t at = 0;

        cr_assert_gt(count, 0);
        m->change_count = count;
        m->change_index = index;
        m->touched[0] = 0;
        for (size_t i = 0; i < count && at < sizeof(m->touched); i++)
                at += (size_t)snprintf(m->touched + at, sizeof(m->touched) - at, "%s%s/%s",
                                       i ? " " : "", changes[i].node, changes[i].service);
}

void machine_init(struct machine *m)
{
        memset(m, 0, sizeof(*m));
        m->store = store_create();
        m->fsm = fsm_create(m->store);
        m->log = local_log_create(m->fsm, 0);
        cr_assert_eq(store_listen(m->store, listen, m), 0);
}

void machine_fini(struct machine *m)
{
        store_unlisten(m->store, listen, m);
        local_log_destroy(m->log);
        fsm_destroy(m->fsm);
        store_destroy(m->store);
}

static void done(void *arg, const struct fsm_result *result)
{
        struct machine *m = arg;

        m->done_count++;
        m->last = *result;
        m->last.txn_rows = NULL;
        m->last.txn_errors = NULL;
        if (result->txn_error_count)
                m->last.error = result->txn_errors[0].error;
}

const char *machine_run(struct machine *m, struct command *c)
{
        unsigned before = m->done_count;

        m->change_count = 0;
        m->touched[0] = 0;
        propose_command(local_log_proposer(m->log), c, done, m);
        cr_assert_eq(m->done_count, before + 1);
        return m->last.error.text;
}

const char *machine_node(struct machine *m, const char *node, const char *address)
{
        struct command c = {.type = COMMAND_REGISTER};

        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = node;
        c.reg.node.address = address;
        return machine_run(m, &c);
}

const char *machine_service(struct machine *m, const char *node, const char *id, const char *name,
                            const char *tags, const char *address, int port)
{
        struct command c = {.type = COMMAND_REGISTER};
        char text[128] = "";
        const char *items[8];
        uint32_t count = 0;

        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = node;
        c.reg.skip_node_update = true;
        c.reg.has_service = true;
        c.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        c.reg.service.id = id;
        c.reg.service.name = name;
        c.reg.service.address = address;
        c.reg.service.port = port;
        snprintf(text, sizeof(text), "%s", tags ? tags : "");
        for (char *save, *t = strtok_r(text, ",", &save); t; t = strtok_r(NULL, ",", &save))
                items[count++] = t;
        c.reg.service.tags = (struct text_list){items, count};
        return machine_run(m, &c);
}

const char *machine_check(struct machine *m, const char *node, const char *id,
                          const char *service_id, const char *status)
{
        struct command c = {.type = COMMAND_REGISTER};
        struct catalog_check check = CATALOG_CHECK_INIT;

        check.name = id;
        check.service_id = service_id;
        check.status = status;
        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = node;
        c.reg.skip_node_update = true;
        c.reg.checks = &check;
        c.reg.check_count = 1;
        return machine_run(m, &c);
}

const char *machine_deregister(struct machine *m, const char *node, const char *service_id,
                               const char *check_id)
{
        struct command c = {.type = COMMAND_DEREGISTER, .dereg = {node, service_id, check_id}};

        return machine_run(m, &c);
}

const char *machine_kv(struct machine *m, enum txn_verb verb, const char *key, const char *value,
                       const char *session, uint64_t index)
{
        struct command c = {.type = COMMAND_KV};
        const char *error;

        c.kv = (struct txn_op){.kind = TXN_KV, .verb = verb, .index = index, .kv = KV_ENTRY_INIT};
        c.kv.kv.key = key;
        c.kv.kv.session = session;
        c.kv.kv.value = (const uint8_t *)value;
        c.kv.kv.value_len = (uint32_t)strlen(value);
        error = machine_run(m, &c);
        return *error == 0 && m->last.refused ? "refused" : error;
}

const char *machine_session(struct machine *m, const char *id, const char *node,
                            const char *behavior, const char *check)
{
        struct command c = {.type = COMMAND_SESSION_CREATE};

        c.session_create = (struct catalog_session)CATALOG_SESSION_INIT;
        c.session_create.id = id;
        c.session_create.node = node;
        c.session_create.behavior = behavior;
        if (*check)
                c.session_create.node_checks = (struct text_list){&check, 1};
        return machine_run(m, &c);
}

const char *machine_destroy(struct machine *m, const char *session_id)
{
        struct command c = {.type = COMMAND_SESSION_DESTROY, .session_destroy = session_id};

        return machine_run(m, &c);
}

const char *machine_reap(struct machine *m, uint64_t index)
{
        struct command c = {.type = COMMAND_TOMBSTONE_REAP, .reap_index = index};

        return machine_run(m, &c);
}

const char *machine_txn(struct machine *m, struct txn_op ops[], uint32_t op_count)
{
        struct command c = {.type = COMMAND_TXN, .txn = {ops, op_count}};

        return machine_run(m, &c);
}

const char *machine_query(struct machine *m, const char *id, const char *name, const char *service,
                          bool create)
{
        struct command c = {.type = COMMAND_QUERY_SET};

        c.query_set.create = create;
        c.query_set.query = (struct catalog_query)CATALOG_QUERY_INIT;
        c.query_set.query.id = id;
        c.query_set.query.name = name;
        c.query_set.query.service = service;
        return machine_run(m, &c);
}

const char *machine_coordinate(struct machine *m, const char *node, double x)
{
        struct catalog_coordinate item = {node, "", COORDINATE_ORIGIN};
        struct command c = {.type = COMMAND_COORDINATES, .coordinates = {&item, 1}};

        item.at.vec[0] = x;
        return machine_run(m, &c);
}

#define PICK(...)                                                                                  \
        (((const char *const[]){                                                                   \
            __VA_ARGS__})[random_next(state) % ARRAY_LEN(((const char *const[]){__VA_ARGS__}))])

#define SESSION(n) "11111111-2222-3333-4444-55555555555" n

static void random_lock_command(struct machine *m, uint64_t *state, const char *node)
{
        const char *key = PICK("k", "k/1", "k/2", "l", "l/1", "l/2");
        const char *session = PICK(SESSION("1"), SESSION("2"), SESSION("a"));

        switch (random_next(state) % 8) {
        case 0:
                machine_session(m, session, node, PICK("release", "delete"), PICK("", "c1", "c2"));
                break;
        case 1:
                machine_destroy(m, session);
                break;
        case 2:
        case 3:
                machine_kv(m, TXN_LOCK, key, PICK("", "x"), session, 0);
                break;
        case 4:
                machine_kv(m, TXN_UNLOCK, key, PICK("", "x"), session, 0);
                break;
        case 5:
                machine_kv(m, random_next(state) % 2 ? TXN_DELETE : TXN_DELETE_TREE, key, "", "",
                           0);
                break;
        case 6:
                machine_reap(m, store_applied_index(m->store) - 1);
                break;
        default:
                machine_kv(m, TXN_SET, key, PICK("", "x", "y"), "", 0);
        }
}

void machine_random(struct machine *m, uint64_t *state)
{
        const char *node = PICK("a", "B", "b", "c", "d");
        const char *query = PICK("q1", "q2", "q3");

        if (random_next(state) % 2) {
                random_lock_command(m, state, node);
                return;
        }
        switch (random_next(state) % 7) {
        case 0:
                machine_node(m, node, PICK("10.0.0.1", "10.0.0.2", "example.org"));
                break;
        case 1:
        case 2:
                machine_service(m, node, PICK("1", "2", "3"), PICK("web", "Web", "db"),
                                PICK("", "v1", "V1,v2"), PICK("", "10.0.0.1", "x.org"), 80);
                break;
        case 3:
                machine_check(m, node, PICK("c1", "c2"), PICK("", "1", "2", "3"),
                              PICK("passing", "critical"));
                break;
        case 5:
                machine_coordinate(m, node, (double)(random_next(state) % 4) / 8);
                break;
        case 4:
                machine_deregister(m, node, PICK("", "1", "2", "3"), PICK("", "c1", "c2"));
                break;
        default:
                machine_query(m, query, PICK("n1", "n2", "N1"), PICK("web", "DB"),
                              store_query_get(m->store, query) == NULL);
        }
}
