#ifndef CONTROL_LATE_LATE_H
#define CONTROL_LATE_LATE_H

/**
 * Libraries that most agents never need are loaded when one of their functions is first called:
 * libcurl and what comes with it are 5 MiB of every agent's memory, libarchive and libsystemd 3.
 * This folder defines the functions used, under their own names, by passing each call on; callers
 * include the library's header and notice nothing.
 */

#include <stdbool.h>

/* A library, in memory that lives as long as the process. */
struct late_library {
        const char *soname;
        const char *package; /* what to install when it is missing */
        void *handle;
        bool told; /* that it, or a function of it, is missing */
};

/**
 * A function's address, or NULL when the library or the function is missing, which is told once a
 * library on stderr. Never unloaded.
 * context  any thread.
 */
void *late_find(struct late_library *library, const char *name);

// Parameters and arguments come in their own parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
/**
 * Define a function that passes its call on. @failure  what it gives without the library.
 * The address is looked up once; threads that do so at the same time find the same.
 */
#define LATE(library, type, name, params, arguments, failure)                                      \
        type name params                                                                           \
        {                                                                                          \
                static void *found;                                                                \
                void *address = __atomic_load_n(&found, __ATOMIC_ACQUIRE);                         \
                                                                                                   \
                if (address == 0) {                                                                \
                        address = late_find(&(library), #name);                                    \
                        __atomic_store_n(&found, address, __ATOMIC_RELEASE);                       \
                }                                                                                  \
                return address == 0 ? (failure) : ((type(*) params)address)arguments;              \
        }

/** The same for one that gives nothing back. */
#define LATE_VOID(library, name, params, arguments)                                                \
        void name params                                                                           \
        {                                                                                          \
                static void *found;                                                                \
                void *address = __atomic_load_n(&found, __ATOMIC_ACQUIRE);                         \
                                                                                                   \
                if (address == 0) {                                                                \
                        address = late_find(&(library), #name);                                    \
                        __atomic_store_n(&found, address, __ATOMIC_RELEASE);                       \
                }                                                                                  \
                if (address != 0)                                                                  \
                        ((void(*) params)address) arguments;                                       \
        }
// NOLINTEND(bugprone-macro-parentheses)

#endif
