#include <stdio.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/member/members.h"

// Network coordinates of nodes.

void api_write_coordinate(struct json_writer *w, const struct coordinate *at)
{
        json_writer_begin_object(w);
        json_writer_key(w, "Vec");
        json_writer_begin_array(w);
        for (size_t i = 0; i < COORDINATE_DIMENSIONS; i++)
                json_writer_double(w, at->vec[i]);
        json_writer_end_array(w);
        json_writer_key(w, "Error");
        json_writer_double(w, at->error);
        json_writer_key(w, "Adjustment");
        json_writer_double(w, at->adjustment);
        json_writer_key(w, "Height");
        json_writer_double(w, at->height);
        json_writer_end_object(w);
}

void api_write_coordinate_of(struct json_writer *w, const char *node, const char *segment,
                             const struct coordinate *at)
{
        json_writer_begin_object(w);
        json_writer_put_string(w, "Node", node);
        json_writer_put_string(w, "Segment", segment);
        json_writer_key(w, "Coord");
        api_write_coordinate(w, at);
        json_writer_end_object(w);
}

// Servers of one datacenter that have told where they are. Their names end in it in that pool, and
// not here.
static void write_servers(struct json_writer *w, const struct serf *wan, const char *datacenter)
{
        for (size_t i = 0; i < serf_member_count(wan); i++) {
                const struct serf_member *member = serf_member_at(wan, i);
                const struct coordinate *at = serf_coordinate_of(wan, member->name);
                size_t suffix = strlen(datacenter) + 1;
                struct member_info info;
                char name[256];

                members_info(member, &info);
                if (at == NULL || strcmp(info.datacenter, datacenter) != 0 ||
                    member->name.length <= suffix)
                        continue;
                snprintf(name, sizeof(name), "%.*s", (int)(member->name.length - suffix),
                         (const char *)member->name.bytes);
                api_write_coordinate_of(w, name, "", at);
        }
}

void api_coordinate_datacenters(struct http_request *request, void *app)
{
        struct member_datacenter datacenters[MEMBER_DATACENTERS_MAX];
        const struct api *api = app;
        const struct serf *wan = members_serf(api->agent->members, MEMBER_WAN);
        size_t count =
            members_datacenters(api->agent->members, datacenters, MEMBER_DATACENTERS_MAX);
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        for (size_t i = 0; wan != NULL && i < count; i++) {
                json_writer_begin_object(&w);
                json_writer_put_string(&w, "Datacenter", datacenters[i].name);
                json_writer_put_string(&w, "AreaID", "wan");
                json_writer_key(&w, "Coordinates");
                json_writer_begin_array(&w);
                write_servers(&w, wan, datacenters[i].name);
                json_writer_end_array(&w);
                json_writer_end_object(&w);
        }
        json_writer_end_array(&w);
        http_reply_json(request, 200, &w);
}

static uint64_t coordinates_index(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_COORDINATES);
}

static void write_coordinates(const struct api_read *read, struct json_writer *w)
{
        const char *segment = http_request_param(read->request, "segment");
        const struct coordinate_record *record;
        struct store_iter it;

        json_writer_begin_array(w);
        if (read->name[0] == '\0')
                store_coordinates(read->api->agent->store, &it);
        else
                store_coordinates_of_node(read->api->agent->store, read->name, &it);
        while ((record = store_next_coordinate(&it)) != NULL) {
                const struct catalog_coordinate *c = &record->coordinate;

                if (segment == NULL || strcmp(segment, c->segment) == 0)
                        api_write_coordinate_of(w, c->node, c->segment, &c->at);
        }
        json_writer_end_array(w);
}

static void watch_coordinates(struct api_read *read)
{
        store_watch_table(read->api->agent->store, api_next_watch(read), STORE_COORDINATES);
}

void api_coordinate_nodes(struct http_request *request, void *app)
{
        static const struct api_query query = {
            .index = coordinates_index, .write = write_coordinates, .watch = watch_coordinates};

        api_read(app, request, &query, "");
}

static void watch_node_coordinates(struct api_read *read)
{
        store_watch_name(read->api->agent->store, api_next_watch(read), STORE_WATCH_COORDINATE,
                         read->name);
}

static void reply_node(const struct api_read *read)
{
        struct store_iter it;

        store_coordinates_of_node(read->api->agent->store, read->name, &it);
        if (store_next_coordinate(&it) == NULL)
                http_reply_empty(read->request, 404);
        else
                api_reply_read(read);
}

void api_coordinate_node(struct http_request *request, void *app)
{
        static const struct api_query query = {.index = coordinates_index,
                                               .write = write_coordinates,
                                               .watch = watch_node_coordinates,
                                               .reply = reply_node};
        api_read(app, request, &query, http_request_rest(request));
}

static void answer_updated(const struct api *api, struct http_request *request,
                           const struct fsm_result *result)
{
        (void)api;
        (void)result;
        http_reply_empty(request, 200);
}

static double number_of(const json_t *object, const char *name)
{
        return json_number_value(json_object_get(object, name));
}

// false when the request has been refused.
static bool read_coordinate(struct http_request *request, const json_t *coord,
                            struct coordinate *out)
{
        const json_t *vec = json_object_get(coord, "Vec"), *value;
        size_t i;

        json_array_foreach(vec, i, value)
        {
                if (!json_is_number(value)) {
                        http_reply_text(request, 400,
                                        "Request decode failed: Coord.Vec holds no number at %zu",
                                        i);
                        return false;
                }
                if (i < COORDINATE_DIMENSIONS)
                        out->vec[i] = json_number_value(value);
        }
        if (vec != NULL && !json_is_array(vec)) {
                http_reply_text(request, 400, "Request decode failed: Coord.Vec is no list");
                return false;
        }
        if (json_array_size(vec) != COORDINATE_DIMENSIONS) {
                http_reply_text(request, 500, "incompatible coordinate");
                return false;
        }
        out->error = number_of(coord, "Error");
        out->adjustment = number_of(coord, "Adjustment");
        out->height = number_of(coord, "Height");
        if (!coordinate_is_valid(out)) {
                http_reply_text(request, 500, "invalid coordinate");
                return false;
        }
        return true;
}

void api_coordinate_update(struct http_request *request, void *app)
{
        struct catalog_coordinate update = {.segment = ""};
        struct command command = {.type = COMMAND_COORDINATES};
        struct api *api = app;
        json_t *body;

        if (!api_parse_body(request, &api_coordinate_schema, 0, false, &body))
                return;
        update.node = json_schema_string(body, "Node");
        update.segment = json_schema_string(body, "Segment");
        command.coordinates.items = &update;
        command.coordinates.count = 1;
        if (api_check_datacenter(api, request) && api_is_own_datacenter(api, request, body) &&
            read_coordinate(request, json_object_get(body, "Coord"), &update.at)) {
                // A node without a name is an unknown one, which is passed over.
                if (update.node[0] == '\0')
                        http_reply_empty(request, 200);
                else
                        api_propose(api, request, &command, answer_updated);
        }
        json_decref(body);
}
