#ifndef LICTOR_TESTS_RAFT_DISK_H
#define LICTOR_TESTS_RAFT_DISK_H

/**
 * A disk in memory that forgets what was not synced: struct raft_files for tests. Writes stay
 * pending until their file is synced, names until their folder is; a crash keeps any of the pending
 * sectors and a prefix of the pending name changes. One seed gives one behaviour.
 */

#include "raft/files/files.h"

#define DISK_FILES_MAX   256u
#define DISK_HANDLES_MAX 32u
#define DISK_CHANGES_MAX 64u

struct disk_bytes {
        uint8_t *bytes;
        size_t length;
};

struct disk_write {
        uint64_t offset;
        uint8_t *bytes; // NULL: the file got this long
        size_t length;
};

struct disk_file {
        bool used;
        struct disk_bytes now;
        struct disk_bytes durable;
        struct disk_write *pending;
        size_t pending_count;
};

struct disk_name {
        char path[128];
        int file; // -1: free
};

struct disk_change {
        char from[128]; // empty: a creation
        char to[128];   // empty: a removal
        int file;
};

struct disk {
        struct raft_files files;
        uint64_t random_state;
        struct disk_file file[DISK_FILES_MAX];
        struct disk_name now[DISK_FILES_MAX];
        struct disk_name durable[DISK_FILES_MAX];
        struct disk_change changes[DISK_CHANGES_MAX];
        size_t change_count;
        int handles[DISK_HANDLES_MAX]; // file + 1; -1: a lock
        bool locked;

        // Faults.
        uint64_t operations;   // that change something, so far
        uint64_t crash_at;     // the power goes in this operation; 0: never
        uint64_t fail_sync_at; // this sync, counted from 1, fails; 0: none
        uint64_t sync_count;
        uint64_t capacity; // bytes of all files together; 0: no limit
        bool short_writes; // a write takes some of what it is given
        bool crashed;      // nothing works until disk_restart
};

struct disk *disk_create(uint64_t seed);
void disk_destroy(struct disk *disk);

/** A number below limit. */
uint64_t disk_random(struct disk *disk, uint64_t limit);

/** The process dies: its handles and its lock go, what it wrote stays pending. */
void disk_kill(struct disk *disk);

/** The power goes, if it has not yet, and comes back. */
void disk_restart(struct disk *disk);

/** A file's bytes for reading and damaging, durable and current alike; NULL when there is none. */
struct disk_bytes *disk_open_bytes(struct disk *disk, const char *path);
/** Make what was done to a file's bytes what the disk holds. */
void disk_store(struct disk *disk, const char *path, const void *bytes, size_t length);

#endif
