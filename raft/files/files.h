#ifndef LICTOR_RAFT_FILES_H
#define LICTOR_RAFT_FILES_H

/**
 * The file operations that the log and the snapshots are made of, as a table, so that tests can put
 * a disk underneath that tears, loses and fails. Every function blocks. Paths are whole paths;
 * results are 0 or a negative errno unless stated.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RAFT_PATH_MAX 4096u

enum raft_open_mode {
        RAFT_OPEN_READ,
        RAFT_OPEN_WRITE,  /* read and write what is there */
        RAFT_OPEN_CREATE, /* read and write a new, empty file; one that is there is emptied */
};

struct raft_files {
        void *context; /* given to every function as its first argument */

        /* returns a handle >= 0, or a negative errno. */
        int (*open)(void *context, const char *path, enum raft_open_mode mode);
        void (*close)(void *context, int file);
        /* Bytes read, fewer than asked for only at the end of the file; or a negative errno. */
        ssize_t (*read)(void *context, int file, void *bytes, size_t length, uint64_t offset);
        /* Bytes written, which may be fewer than asked for; or a negative errno. */
        ssize_t (*write)(void *context, int file, const void *bytes, size_t length,
                         uint64_t offset);
        /* Contents, and what is needed to read them back, are durable. */
        int (*sync)(void *context, int file);
        /* Reserve room up to length and make the file this long; the new part reads as zeros. */
        int (*reserve)(void *context, int file, uint64_t length);
        /* The length in bytes, or a negative errno. */
        int64_t (*length)(void *context, int file);
        /* Replaces what is at the new path; durable once the folder is synced. */
        int (*rename)(void *context, const char *from, const char *to);
        int (*remove)(void *context, const char *path);
        /* -EEXIST when it is there. */
        int (*make_folder)(void *context, const char *path);
        int (*sync_folder)(void *context, const char *path);
        /* Calls visit for each file, in no order, until it returns non-zero, which is returned. */
        int (*list)(void *context, const char *path, int (*visit)(void *argument, const char *name),
                    void *argument);
        /* Takes the folder's lock until the handle is closed: a handle, or -EWOULDBLOCK. */
        int (*lock)(void *context, const char *path);
        /* Unpredictable bytes. */
        int (*random)(void *context, void *bytes, size_t length);
};

/** The kernel's files. */
extern const struct raft_files raft_posix_files;

/** Write everything, however often that takes. returns 0 or a negative errno. */
int raft_files_write_all(const struct raft_files *files, int file, const void *bytes, size_t length,
                         uint64_t offset);

/** Read exactly length bytes. returns 0, -ENODATA when the file ends before, or another errno. */
int raft_files_read_all(const struct raft_files *files, int file, void *bytes, size_t length,
                        uint64_t offset);

/** Make a folder unless it is there, and its name durable in the parent folder. */
int raft_files_ensure_folder(const struct raft_files *files, const char *path);

/** snprintf for messages, which are cut when paths are long. */
void raft_files_say(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
