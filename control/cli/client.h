#ifndef LICTOR_CLI_CLIENT_H
#define LICTOR_CLI_CLIENT_H

/** Requests of the commands to a running agent. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_options {
        /* NULL: what LICTOR_ and then CONSUL_ with the name given here have in the environment. */
        const char *http_addr;       /* HTTP_ADDR; 127.0.0.1:8500 */
        const char *token;           /* HTTP_TOKEN */
        const char *token_file;      /* HTTP_TOKEN_FILE; beats the environment's token */
        const char *ca_file;         /* CACERT */
        const char *ca_path;         /* CAPATH */
        const char *cert_file;       /* CLIENT_CERT */
        const char *key_file;        /* CLIENT_KEY */
        const char *tls_server_name; /* TLS_SERVER_NAME */
        const char *namespace;       /* NAMESPACE; of Consul Enterprise */
        const char *datacenter;      /* NULL: the agent's */
        bool stale;
};

/* One request; a body of NULL is none. */
struct client_call {
        const char *method; /* "GET", "PUT", ... */
        const char *path;   /* with its query, e.g. "/v1/agent/reload" */
        const char *body;
        size_t body_length;
        long timeout_s; /* 0: a minute */
        /* Takes the body of a successful answer as it comes, in place of the reply; false ends it.
         */
        bool (*on_body)(void *arg, const char *bytes, size_t length);
        void *on_body_arg;
        /* Told now and then how much is sent and received; a total of 0 is not known. */
        void (*on_progress)(void *arg, uint64_t sent, uint64_t to_send, uint64_t received,
                            uint64_t to_receive);
        void *on_progress_arg;
};

struct client_reply {
        long status; /* HTTP status */
        char *body;  /* NUL-terminated; freed with free() */
        size_t length;
        uint64_t index;    /* X-Consul-Index; 0: none */
        uint64_t expected; /* X-Lictor-Snapshot-Bytes: its length; 0: not known */
};

/**
 * Make one request; -datacenter and -stale are added to its query.
 * @error   on failure why the agent could not be asked.
 * returns  0 whatever the reply's status; -EINVAL when a file that the options name cannot be read;
 *          another negative errno.
 */
int client_send(const struct client_options *options, const struct client_call *call,
                struct client_reply *reply, char *error, size_t error_size);

/** The same without a body. */
int client_request(const struct client_options *options, const char *method, const char *path,
                   struct client_reply *reply, char *error, size_t error_size);

#endif
