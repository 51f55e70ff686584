#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member/admission.h"
#include "control/member/member_ids.h"
#include "lictor/bytes.h"
#include "lictor/random.h"

#define OWN   "11111111-2222-3333-4444-555555555555"
#define OTHER "21111111-2222-3333-4444-555555555555"
#define THIRD "31111111-2222-3333-4444-555555555555"

static const struct admission lan = {
    .name = "self", .node_id = OWN, .datacenter = "dc1", .segment = ""};

struct shown {
        const char *name, *node_id;
        enum gossip_state state;
        const char *datacenter, *segment;
};

static void put_meta(const struct shown *shown, enum member_role role, struct byte_buffer *out)
{
        struct member_info info = {.role = role, .build = "1.10.12:", .port = 8300};

        snprintf(info.datacenter, sizeof(info.datacenter), "%s",
                 shown->datacenter ? shown->datacenter : "dc1");
        snprintf(info.segment, sizeof(info.segment), "%s", shown->segment ? shown->segment : "");
        snprintf(info.node_id, sizeof(info.node_id), "%s", shown->node_id);
        member_tags_put(&info, false, out);
}

static void judge(const struct admission *admission, const struct shown shown[], size_t count,
                  enum member_role role, char why[ADMISSION_TEXT_MAX])
{
        struct gossip_node_state rows[8] = {0};
        struct byte_buffer metas[8] = {0};

        why[0] = '\0';
        for (size_t i = 0; i < count; i++) {
                put_meta(&shown[i], role, &metas[i]);
                rows[i].name = pack_slice_of(shown[i].name);
                rows[i].meta = (struct pack_slice){metas[i].bytes, (uint32_t)metas[i].len};
                rows[i].state = (uint8_t)shown[i].state;
        }
        if (admission_of_group(admission, rows, (uint32_t)count, why))
                cr_expect_str_eq(why, "");
        else
                cr_expect_str_neq(why, "");
        for (size_t i = 0; i < count; i++)
                byte_buffer_fini(&metas[i]);
}

Test(admission, a_group_is_joined_or_refused_as_a_whole_with_consuls_reason)
{
        static const struct {
                const char *what;
                struct shown rows[4];
                const char *why;
        } cases[] = {
            {"nobody", {{0}}, ""},
            {"others", {{"a", OTHER, 0, 0, 0}, {"b", THIRD, 0, 0, 0}}, ""},
            {"oneself of an earlier life", {{"self", OWN, 0, 0, 0}, {"b", THIRD, 0, 0, 0}}, ""},
            {"those without an ID", {{"a", "", 0, 0, 0}, {"b", "", 0, 0, 0}}, ""},
            {"another with this agent's ID",
             {{"a", OTHER, 0, 0, 0}, {"b", OWN, 0, 0, 0}},
             "Member 'b' has conflicting node ID '" OWN "' with this agent's ID"},
            {"one who is suspected may live",
             {{"b", OWN, GOSSIP_STATE_SUSPECT, 0, 0}},
             "Member 'b' has conflicting node ID '" OWN "' with this agent's ID"},
            {"this agent under its last name", {{"old", OWN, GOSSIP_STATE_LEFT, 0, 0}}, ""},
            {"this agent, died under its last name", {{"old", OWN, GOSSIP_STATE_DEAD, 0, 0}}, ""},
            {"two others with one ID",
             {{"a", OTHER, 0, 0, 0}, {"b", THIRD, 0, 0, 0}, {"c", OTHER, 0, 0, 0}},
             "Member 'c' has conflicting node ID '" OTHER "' with member 'a'"},
            {"the first of two pairs",
             {{"a", THIRD, 0, 0, 0},
              {"b", OTHER, 0, 0, 0},
              {"c", THIRD, 0, 0, 0},
              {"d", OTHER, 0, 0, 0}},
             "Member 'c' has conflicting node ID '" THIRD "' with member 'a'"},
            {"one of two who is gone",
             {{"a", OTHER, GOSSIP_STATE_LEFT, 0, 0}, {"c", OTHER, 0, 0, 0}},
             ""},
            {"another datacenter",
             {{"a", OTHER, 0, 0, 0}, {"b", THIRD, 0, "dc2", 0}},
             "Member 'b' part of wrong datacenter 'dc2'"},
            {"another segment",
             {{"a", OTHER, 0, 0, "s"}},
             "Member 'a' part of wrong segment 's' (expected '')"},
            {"a fault behind a pair",
             {{"a", OTHER, 0, 0, 0}, {"b", OTHER, 0, 0, 0}, {"c", THIRD, 0, "dc2", 0}},
             "Member 'b' has conflicting node ID '" OTHER "' with member 'a'"},
            {"a pair behind a fault",
             {{"a", OTHER, 0, 0, 0}, {"c", THIRD, 0, "dc2", 0}, {"b", OTHER, 0, 0, 0}},
             "Member 'c' part of wrong datacenter 'dc2'"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char why[ADMISSION_TEXT_MAX];
                size_t count = 0;

                while (count < 4 && cases[i].rows[count].name != NULL)
                        count++;
                judge(&lan, cases[i].rows, count, MEMBER_CLIENT, why);
                cr_expect_str_eq(why, cases[i].why, "%s: %s", cases[i].what, why);
        }
}

Test(admission, only_servers_are_members_between_datacenters_whatever_their_ids)
{
        static const struct shown rows[] = {{"a.dc1", OTHER, 0, 0, 0},
                                            {"b.dc2", OTHER, 0, "dc2", 0}};
        struct admission wan = lan;
        char why[ADMISSION_TEXT_MAX];

        wan.wan = true;
        judge(&wan, rows, 2, MEMBER_SERVER, why);
        cr_expect_str_eq(why, "");
        judge(&wan, rows, 2, MEMBER_CLIENT, why);
        cr_expect_str_eq(why, "Member 'a.dc1' is not a server");
}

/* ---- Who has an ID ---- */

Test(member_ids, the_last_who_was_put_is_found_as_in_a_plain_list)
{
        enum { IDS = 40, STEPS = 4000 };
        uint64_t seed = 20261122, random = seed;
        char names[IDS][16] = {{0}}, id[37];
        struct member_ids ids;
        size_t count = 0;

        cr_assert_eq(member_ids_init(&ids), 0);
        for (int step = 0; step < STEPS; step++) {
                unsigned at = (unsigned)(random_next(&random) % IDS);
                const char *found;

                snprintf(id, sizeof(id), "%08x-2222-3333-4444-555555555555", at);
                if (random_next(&random) % 500 == 0) {
                        member_ids_clear(&ids);
                        memset(names, 0, sizeof(names));
                        count = 0;
                } else if (random_next(&random) % 2 == 0) {
                        count += names[at][0] == '\0';
                        snprintf(names[at], sizeof(names[at]), "node%d", step);
                        member_ids_put(&ids, id, pack_slice_of(names[at]));
                }
                found = member_ids_find(&ids, id);
                cr_assert_str_eq(found ? found : "", names[at], "seed %lu, step %d",
                                 (unsigned long)seed, step);
                cr_assert_eq(member_ids_count(&ids), count, "seed %lu, step %d",
                             (unsigned long)seed, step);
        }
        member_ids_fini(&ids);
}
