#include "control/publisher/publisher_internal.h"
#include "control/query/query.h"

void publisher_publish_name(struct publisher *p, const struct publisher_name *name)
{
        const struct dirty_tag tag = {name->name, name->tag};
        const struct query_record *query;

        switch (name->kind) {
        case PUBLISHER_NODE:
                publisher_publish_node(p, name->name);
                break;
        case PUBLISHER_SERVICE:
                publisher_publish_tags(p, &tag, 1);
                break;
        case PUBLISHER_QUERY:
                query = query_find(p->store, name->name);
                if (query != NULL)
                        publisher_publish_named_query(p, query, name->name);
                break;
        }
        lictor_commit(p->dp);
}

void publisher_withdraw_name(struct publisher *p, const struct publisher_name *name)
{
        switch (name->kind) {
        case PUBLISHER_NODE:
                lictor_node_remove(p->dp, name->name);
                break;
        case PUBLISHER_SERVICE:
                lictor_service_remove(p->dp, LICTOR_SERVICE, name->name, name->tag);
                break;
        case PUBLISHER_QUERY:
                lictor_service_remove(p->dp, LICTOR_QUERY, name->name, "");
                break;
        }
        lictor_commit(p->dp);
}
