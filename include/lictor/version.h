#ifndef LICTOR_VERSION_H
#define LICTOR_VERSION_H

#define LICTOR_VERSION "0.1.0"

/* The Consul release whose HTTP, DNS and command-line behaviour this one conforms to. */
#define LICTOR_CONSUL_API_VERSION "1.10.12"

#endif
