#ifndef LICTOR_SANITIZER_H
#define LICTOR_SANITIZER_H

/**
 * What the sanitizers cannot see by themselves. liburcu is not instrumented, so ThreadSanitizer
 * does not know that a grace period orders a reader's loads before the memory's next use; and
 * AddressSanitizer does not know which parts of a mapping are handed out. Nothing in other builds.
 */

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LICTOR_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define LICTOR_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define LICTOR_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define LICTOR_ASAN 1
#endif

#ifdef LICTOR_TSAN
#include <sanitizer/tsan_interface.h>
#define TSAN_RELEASE(address) __tsan_release((void *)(uintptr_t)(address))
#define TSAN_ACQUIRE(address) __tsan_acquire((void *)(uintptr_t)(address))
#else
#define TSAN_RELEASE(address) ((void)(address))
#define TSAN_ACQUIRE(address) ((void)(address))
#endif

#ifdef LICTOR_ASAN
#include <sanitizer/asan_interface.h>
#define ASAN_POISON(address, bytes)   __asan_poison_memory_region(address, bytes)
#define ASAN_UNPOISON(address, bytes) __asan_unpoison_memory_region(address, bytes)
#else
#define ASAN_POISON(address, bytes)   ((void)(address), (void)(bytes))
#define ASAN_UNPOISON(address, bytes) ((void)(address), (void)(bytes))
#endif

#endif
