#ifndef CONTROL_API_ROUTES_H
#define CONTROL_API_ROUTES_H

#include "control/http/router.h"

// The one whose body limit is configured.
#define API_TXN_PATH      "/v1/txn"
#define API_KV_PATH       "/v1/kv/"
#define API_SNAPSHOT_PATH "/v1/snapshot"
// Stands for the configured path of the web interface, and is left out where that is off.
#define API_UI_PATH "/ui/"
// What servers ask those of other datacenters.
#define API_QUERY_REMOTE_PATH   "/v1/internal/query"
#define API_KEYRING_REMOTE_PATH "/v1/internal/keyring"

extern const struct http_route api_routes[];
extern const size_t api_route_count;

#endif
