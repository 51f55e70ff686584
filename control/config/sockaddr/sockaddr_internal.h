#ifndef LICTOR_CONFIG_SOCKADDR_INTERNAL_H
#define LICTOR_CONFIG_SOCKADDR_INTERNAL_H

#include "control/config/sockaddr/sockaddr.h"

#define SOCKADDR_TEXT_MAX 64

/* What runs through a pipeline: addresses, until a step makes text of them. */
struct sockaddr_value {
        struct sockaddr_entry *entries; /* owned */
        size_t count;
        char *text; /* owned; NULL while there are addresses */
};

struct sockaddr_error {
        char *text;
        size_t size;
};

/** Set the error's line. returns -EINVAL. */
int sockaddr_fail(const struct sockaddr_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Keep the addresses that match, or those that do not.
 * returns  0, -ENOMEM, or -EINVAL with the error set.
 */
int sockaddr_filter(struct sockaddr_value *value, const char *by, const char *parameter,
                    bool wanted, const struct sockaddr_error *error);

/** Order by keys such as "type,-size". returns likewise. */
int sockaddr_sort(struct sockaddr_value *value, const char *keys,
                  const struct sockaddr_error *error);

/** Drop addresses whose attribute, "address" or "name", came before. returns likewise. */
int sockaddr_unique(struct sockaddr_value *value, const char *by,
                    const struct sockaddr_error *error);

/** Move addresses: "address" or "network" by "+n" or "-n", or "mask" to n bits. returns likewise.
 */
int sockaddr_math(struct sockaddr_value *value, const char *operation, const char *operand,
                  const struct sockaddr_error *error);

/** One attribute as text. returns likewise. */
int sockaddr_attribute(const struct sockaddr_entry *entry, const char *name,
                       char out[SOCKADDR_TEXT_MAX], const struct sockaddr_error *error);

/** The address alone, e.g. "10.0.0.1". */
void sockaddr_address_text(const struct sockaddr_entry *entry, char out[SOCKADDR_TEXT_MAX]);

/** Whether an RFC's list of special networks holds the address; -EINVAL for an unknown RFC. */
int sockaddr_in_rfc(const struct sockaddr_entry *entry, const char *rfc);

/** Clear the bits behind the network's. */
void sockaddr_mask(uint8_t bytes[16], unsigned length, unsigned bits);

bool sockaddr_is_forwardable(const struct sockaddr_entry *entry);

#endif
