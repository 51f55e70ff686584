#ifndef CONTROL_STORE_ADDRESS_H
#define CONTROL_STORE_ADDRESS_H

/** IP addresses as the catalog's texts give them. */

#include "lictor/dataplane.h"

/** returns  whether the text is an IP address; an IPv4-mapped IPv6 one counts as IPv4. */
bool address_parse(const char *text, struct lictor_address *out);

/* A family byte and the address. */
#define ADDRESS_KEY_MAX 17

/** What orders records by address. returns  5 or 17 bytes written; 0 for a family of none. */
size_t address_key_make(const struct lictor_address *address, uint8_t key[ADDRESS_KEY_MAX]);

#endif
