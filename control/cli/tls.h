#ifndef LICTOR_CLI_TLS_H
#define LICTOR_CLI_TLS_H

/* Certificates and their files; shared by the tls commands only. */

#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>

#define TLS_NAMES_MAX 64

/* What a certificate is to say. */
struct tls_wanted {
        const char *common_name;
        long days;
        bool authority;
        bool for_server; /* as well as for clients */
        const char *dns_names[TLS_NAMES_MAX];
        size_t dns_name_count;
        const char *addresses[TLS_NAMES_MAX]; /* as text; checked by tls_is_address() */
        size_t address_count;
        const char *permitted[TLS_NAMES_MAX]; /* of an authority: the only domains it may sign */
        size_t permitted_count;
};

/* A certificate and its key as PEM; both freed with gnutls_free(). */
struct tls_pair {
        gnutls_datum_t certificate, key;
};

/** Whether it is an IPv4 or IPv6 address. */
bool tls_is_address(const char *text);

/**
 * Make a key and a certificate for it.
 * @issuer  who signs; NULL: the key itself.
 * @error   one line, on failure.
 * returns  0 or -EINVAL.
 */
int tls_make(const struct tls_wanted *wanted, const struct tls_pair *issuer, struct tls_pair *out,
             char *error, size_t error_size);

/** Whether there is a file of that name. */
bool tls_exists(const char *path);

/** Write a new file and say so on stdout. returns 0 or, having told why not, the exit status. */
int tls_save(const char *path, const gnutls_datum_t *text, bool is_secret);

/** Read a file. @what  "CA" or "CA key", for the message. returns as tls_save(). */
int tls_load(const char *path, const char *what, gnutls_datum_t *out);

#endif
