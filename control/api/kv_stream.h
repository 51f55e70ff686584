#ifndef CONTROL_API_KV_STREAM_H
#define CONTROL_API_KV_STREAM_H

struct http_request;
struct store;

/**
 * Answer with all keys that begin with a prefix, as they are now. Holds references to the entries
 * and writes their JSON as the client takes it, so the answer needs little memory of its own.
 */
void kv_stream_reply(struct http_request *request, const struct store *store, const char *prefix);

#endif
