#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>
#include <stdio.h>

#include "control/late/late.h"

static struct late_library lib = {LATE_ARCHIVE, "libarchive13", NULL, false};

LATE(lib, struct archive *, archive_read_new, (void), (), NULL)
LATE(lib, int, archive_read_free, (struct archive * a), (a), ARCHIVE_FATAL)
LATE(lib, int, archive_read_support_format_empty, (struct archive * a), (a), ARCHIVE_FATAL)
LATE(lib, int, archive_read_support_format_tar, (struct archive * a), (a), ARCHIVE_FATAL)
LATE(lib, int, archive_read_open,
     (struct archive * a, void *data, archive_open_callback *open, archive_read_callback *read,
      archive_close_callback *close),
     (a, data, open, read, close), ARCHIVE_FATAL)
LATE(lib, int, archive_read_next_header, (struct archive * a, struct archive_entry **entry),
     (a, entry), ARCHIVE_FATAL)
LATE(lib, la_ssize_t, archive_read_data, (struct archive * a, void *to, size_t size), (a, to, size),
     ARCHIVE_FATAL)

LATE(lib, struct archive *, archive_write_new, (void), (), NULL)
LATE(lib, int, archive_write_free, (struct archive * a), (a), ARCHIVE_FATAL)
LATE(lib, int, archive_write_close, (struct archive * a), (a), ARCHIVE_FATAL)
LATE(lib, int, archive_write_add_filter_gzip, (struct archive * a), (a), ARCHIVE_FATAL)
LATE(lib, int, archive_write_set_bytes_in_last_block, (struct archive * a, int bytes), (a, bytes),
     ARCHIVE_FATAL)
LATE(lib, int, archive_write_set_filter_option,
     (struct archive * a, const char *module, const char *option, const char *value),
     (a, module, option, value), ARCHIVE_FATAL)
LATE(lib, int, archive_write_set_format_pax_restricted, (struct archive * a), (a), ARCHIVE_FATAL)
LATE(lib, int, archive_write_set_format_ustar, (struct archive * a), (a), ARCHIVE_FATAL)
LATE(lib, int, archive_write_open,
     (struct archive * a, void *data, archive_open_callback *open, archive_write_callback *write,
      archive_close_callback *close),
     (a, data, open, write, close), ARCHIVE_FATAL)
LATE(lib, int, archive_write_open_filename, (struct archive * a, const char *name), (a, name),
     ARCHIVE_FATAL)
LATE(lib, int, archive_write_header, (struct archive * a, struct archive_entry *entry), (a, entry),
     ARCHIVE_FATAL)
LATE(lib, la_ssize_t, archive_write_data, (struct archive * a, const void *from, size_t size),
     (a, from, size), ARCHIVE_FATAL)

LATE(lib, int, archive_errno, (struct archive * a), (a), 0)
LATE(lib, const char *, archive_error_string, (struct archive * a), (a),
     "the library is not installed")
LATE(lib, la_int64_t, archive_filter_bytes, (struct archive * a, int filter), (a, filter), 0)

LATE(lib, struct archive_entry *, archive_entry_new, (void), (), NULL)
LATE_VOID(lib, archive_entry_free, (struct archive_entry * e), (e))
LATE(lib, __LA_MODE_T, archive_entry_filetype, (struct archive_entry * e), (e), 0)
LATE(lib, const char *, archive_entry_hardlink, (struct archive_entry * e), (e), NULL)
LATE(lib, const char *, archive_entry_pathname, (struct archive_entry * e), (e), NULL)
LATE_VOID(lib, archive_entry_set_filetype, (struct archive_entry * e, unsigned type), (e, type))
LATE_VOID(lib, archive_entry_set_mtime, (struct archive_entry * e, time_t s, long ns), (e, s, ns))
LATE_VOID(lib, archive_entry_set_pathname, (struct archive_entry * e, const char *name), (e, name))
LATE_VOID(lib, archive_entry_set_perm, (struct archive_entry * e, __LA_MODE_T mode), (e, mode))
LATE_VOID(lib, archive_entry_set_size, (struct archive_entry * e, la_int64_t size), (e, size))
LATE_VOID(lib, archive_entry_set_symlink, (struct archive_entry * e, const char *to), (e, to))

// What comes after a format cannot be passed on; its text can.
void archive_set_error(struct archive *a, int error, const char *format, ...)
{
        static void *found;
        void *address = __atomic_load_n(&found, __ATOMIC_ACQUIRE);
        char text[512];
        va_list arguments;

        if (address == NULL) {
                address = late_find(&lib, "archive_set_error");
                __atomic_store_n(&found, address, __ATOMIC_RELEASE);
        }
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (address != NULL)
                ((void (*)(struct archive *, int, const char *, ...))address)(a, error, "%s", text);
}
