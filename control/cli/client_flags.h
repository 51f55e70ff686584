#ifndef LICTOR_CLI_CLIENT_FLAGS_H
#define LICTOR_CLI_CLIENT_FLAGS_H

#include "control/cli/cli.h"
#include "control/cli/client.h"

/**
 * Take one of CLIENT_FLAGS.
 * @context  begins with a struct client_options.
 * returns   0, or -EINVAL with *why set.
 */
int client_flag_set(void *context, const struct flag *flag, const char *value, const char **why);

/* What every command that asks an agent takes, for its table of flags. */
#define CLIENT_FLAGS                                                                               \
        {"ca-file",       FLAG_STRING, "<path>", "CA certificate for HTTPS. Or CONSUL_CACERT.",    \
         client_flag_set, "ca-file"},                                                              \
            {"ca-path",       FLAG_STRING,                                                         \
             "<path>",        "Folder of CA certificates for HTTPS. Or CONSUL_CAPATH.",            \
             client_flag_set, "ca-path"},                                                          \
            {"client-cert",   FLAG_STRING,                                                         \
             "<path>",        "Own certificate for HTTPS. Or CONSUL_CLIENT_CERT.",                 \
             client_flag_set, "client-cert"},                                                      \
            {"client-key",    FLAG_STRING,                                                         \
             "<path>",        "Own certificate's key for HTTPS. Or CONSUL_CLIENT_KEY.",            \
             client_flag_set, "client-key"},                                                       \
            {"datacenter",    FLAG_STRING,                                                         \
             "<name>",        "Datacenter to ask; the agent's own unless given.",                  \
             client_flag_set, "datacenter"},                                                       \
            {"http-addr",                                                                          \
             FLAG_STRING,                                                                          \
             "<address>",                                                                          \
             "The agent's HTTP address, host:port or unix:///path, optionally with a scheme; "     \
             "https:// or CONSUL_HTTP_SSL=true asks over TLS. Or LICTOR_HTTP_ADDR, "               \
             "CONSUL_HTTP_ADDR. Default: 127.0.0.1:8500. Every CONSUL_ variable has a LICTOR_ "    \
             "one that wins.",                                                                     \
             client_flag_set,                                                                      \
             "http-addr"},                                                                         \
            {"namespace",                                                                          \
             FLAG_STRING,                                                                          \
             "<name>",                                                                             \
             "Namespace of Consul Enterprise to ask for; Lictor has only \"default\". Or "         \
             "CONSUL_NAMESPACE.",                                                                  \
             client_flag_set,                                                                      \
             "namespace"},                                                                         \
            {"stale",         FLAG_BOOL, "", "Let any server answer, not only the leader.",        \
             client_flag_set, "stale"},                                                            \
            {"tls-server-name",                                                                    \
             FLAG_STRING,                                                                          \
             "<name>",                                                                             \
             "Name the agent's certificate has to bear. Or CONSUL_TLS_SERVER_NAME.",               \
             client_flag_set,                                                                      \
             "tls-server-name"},                                                                   \
            {"token",         FLAG_STRING, "<value>", "ACL token to use. Or CONSUL_HTTP_TOKEN.",   \
             client_flag_set, "token"},                                                            \
        {                                                                                          \
                "token-file", FLAG_STRING, "<path>",                                               \
                    "File with the ACL token to use. Or CONSUL_HTTP_TOKEN_FILE.", client_flag_set, \
                    "token-file"                                                                   \
        }

/**
 * Ask the agent, and tell a failure on stderr.
 * @what    what comes before the reason, e.g. "Error querying Consul agent".
 * @absent  whether a 404 is an answer, too.
 * returns  0 with a reply of status 200 or 404 to be freed, or the exit status 1.
 */
int client_ask(const struct client_options *options, const struct client_call *call,
               const char *what, bool absent, struct client_reply *reply);

/**
 * Tell a failure of client_send() on stderr.
 * @result  what it returned, with @error.
 * returns  as client_ask().
 */
int client_judge(int result, const char *error, const char *what, bool absent,
                 struct client_reply *reply);

/** A path's key or name, percent-encoded but for '/'. returns  freed with free(); NULL: no memory.
 */
char *client_escape(const char *text);

/** Say that there are more arguments than expected. returns  1. */
int client_too_many(int expected, int got);

/**
 * Print rows in columns two blanks apart; cells are separated by \\x1f, trailing blanks cut.
 * @take_rows  each from malloc, as the array is; NULL anywhere: memory ran out, which is told.
 * returns     the exit status.
 */
int columns_print(char **take_rows, size_t count);

#endif
