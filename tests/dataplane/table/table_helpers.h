#ifndef LICTOR_TESTS_TABLE_HELPERS_H
#define LICTOR_TESTS_TABLE_HELPERS_H

/** What the table's tests share: numbered keys, entries that can check themselves, scarce pages. */

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/table/svc_reader.h"
#include "dataplane/table/svc_table.h"
#include "dataplane/table/svc_table_internal.h"
#include "lictor/random.h"

static inline struct svc_key key_of(const uint8_t *bytes, size_t length)
{
        return (struct svc_key){bytes, (uint16_t)length, svc_key_hash(bytes, length)};
}

static inline struct svc_key text_key(const char *text)
{
        return key_of((const uint8_t *)text, strlen(text));
}

struct numbered_key {
        uint8_t bytes[24];
        struct svc_key key;
};

static inline const struct svc_key *number_key(struct numbered_key *k, uint64_t number)
{
        const int length =
            snprintf((char *)k->bytes, sizeof(k->bytes), "svc-%llu", (unsigned long long)number);

        k->key = key_of(k->bytes, (size_t)length);
        return &k->key;
}

/* A payload of equal words, each bound to the key and the version: any mixture shows. */
static inline uint64_t payload_word(uint64_t hash, uint64_t version)
{
        return hash ^ version * 0x9e3779b97f4a7c15u;
}

static inline int put_version(struct svc_table *t, const struct svc_key *key, uint64_t version,
                              size_t words)
{
        struct svc_entry *entry;
        const int ret = svc_table_new_entry(t, key, (words + 1) * 8, &entry);
        uint8_t *payload;

        if (ret < 0)
                return ret;
        payload = (uint8_t *)entry + entry->payload_offset;
        memcpy(payload, &version, 8);
        for (size_t i = 1; i <= words; i++) {
                const uint64_t word = payload_word(key->hash, version);

                memcpy(payload + i * 8, &word, 8);
        }
        return svc_table_put(t, entry);
}

/* The version of a whole entry, or UINT64_MAX for one that is torn or of another key. */
static inline uint64_t entry_version(const struct svc_entry *entry, const struct svc_key *key)
{
        const uint8_t *payload = svc_entry_payload(entry);
        const uint8_t *end = (const uint8_t *)entry + entry->size;
        uint64_t version, word;

        if (entry->hash != key->hash || entry->key_length != key->length ||
            memcmp(entry->key, key->bytes, key->length) != 0)
                return UINT64_MAX;
        memcpy(&version, payload, 8);
        for (payload += 8; payload < end; payload += 8) {
                memcpy(&word, payload, 8);
                if (word != payload_word(key->hash, version))
                        return UINT64_MAX;
        }
        return version;
}

static inline const struct svc_entry *look_up(const struct svc_table *t, const struct svc_key *key)
{
        const struct svc_entry *entry;

        svc_table_lookup_burst(t, key, &entry, 1);
        return entry;
}

struct grace_period {
        struct rcu_head head;
        atomic_bool over;
};

static inline void grace_period_ends(struct rcu_head *head)
{
        // The head is the first member.
        atomic_store(&((struct grace_period *)head)->over, true);
}

/* Wait until everything submitted to RCU by now is over; callbacks run in order. */
static inline void wait_for_grace_period(void)
{
        static struct grace_period period;

        atomic_store(&period.over, false);
        urcu_qsbr_call_rcu(&period.head, grace_period_ends);
        svc_reader_offline();
        while (!atomic_load(&period.over))
                sched_yield();
        svc_reader_online();
}

/* Pages from the kernel until the allowance is used up. */
struct scarce_pages {
        struct page_source kernel;
        uint64_t allowance; /* mappings */
        size_t mapped_bytes;
};

static inline void *scarce_map(void *context, size_t bytes)
{
        struct scarce_pages *pages = context;
        void *memory;

        if (pages->allowance == 0)
                return NULL;
        pages->allowance--;
        memory = pages->kernel.map(NULL, bytes);
        if (memory != NULL)
                pages->mapped_bytes += bytes;
        return memory;
}

static inline void scarce_unmap(void *context, void *take_memory, size_t bytes)
{
        struct scarce_pages *pages = context;

        pages->mapped_bytes -= bytes;
        pages->kernel.unmap(NULL, take_memory, bytes);
}

static inline struct page_source scarce_source(struct scarce_pages *pages, uint64_t allowance)
{
        *pages = (struct scarce_pages){.kernel = page_source_kernel(), .allowance = allowance};
        return (struct page_source){.map = scarce_map, .unmap = scarce_unmap, .context = pages};
}

#endif
