#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/member/members_internal.h"
#include "control/store/coordinate_record.h"

#define SERVERS_MAX 64u /* of one datacenter that are measured */

static int compare_numbers(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static double median_distance_s(const struct serf *wan, const char *datacenter)
{
        const struct coordinate *own = serf_coordinate(wan), *theirs;
        double distances[SERVERS_MAX];
        struct member_info info;
        size_t count = 0;

        for (size_t i = 0; i < serf_member_count(wan) && count < SERVERS_MAX; i++) {
                const struct serf_member *member = serf_member_at(wan, i);

                members_info(member, &info);
                theirs = serf_coordinate_of(wan, member->name);
                if (theirs != NULL && strcmp(info.datacenter, datacenter) == 0)
                        distances[count++] = coordinate_distance_s(own, theirs);
        }
        if (count == 0)
                return INFINITY;
        qsort(distances, count, sizeof(distances[0]), compare_numbers);
        return distances[count / 2];
}

static int compare_datacenters(const void *a, const void *b)
{
        const struct member_datacenter *x = a, *y = b;

        if (x->distance_s < y->distance_s || x->distance_s > y->distance_s)
                return x->distance_s < y->distance_s ? -1 : 1;
        return strcmp(x->name, y->name);
}

static bool is_listed(const struct member_datacenter list[], size_t count, const char *name)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(list[i].name, name) == 0)
                        return true;
        }
        return false;
}

static void add(struct member_datacenter list[], size_t *count, const char *name, double distance_s)
{
        if (*count == MEMBER_DATACENTERS_MAX || is_listed(list, *count, name))
                return;
        memcpy(list[*count].name, name, strlen(name) + 1);
        list[(*count)++].distance_s = distance_s;
}

size_t members_datacenters(const struct members *members, struct member_datacenter out[],
                           size_t max)
{
        const struct serf *wan = members_serf(members, MEMBER_WAN);
        struct member_datacenter list[MEMBER_DATACENTERS_MAX];
        struct member_info info;
        size_t count = 0;

        if (members == NULL)
                return 0;
        add(list, &count, members->options.config->datacenter, 0);
        for (size_t i = 0; wan != NULL && i < serf_member_count(wan); i++) {
                const struct serf_member *member = serf_member_at(wan, i);

                members_info(member, &info);
                if ((member->status == SERF_ALIVE || member->status == SERF_FAILED) &&
                    info.datacenter[0] != '\0' && !is_listed(list, count, info.datacenter))
                        add(list, &count, info.datacenter, median_distance_s(wan, info.datacenter));
        }
        qsort(list, count, sizeof(list[0]), compare_datacenters);
        if (out != NULL)
                memcpy(out, list, (count < max ? count : max) * sizeof(list[0]));
        return count;
}
