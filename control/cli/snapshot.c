#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/client_flags.h"
#include "control/cli/progress.h"
#include "control/cli/snapshot_file.h"
#include "control/snapshot/archive.h"
#include "lictor/bytes.h"

struct options {
        struct client_options client;
};

static const struct flag flags[] = {CLIENT_FLAGS};

const struct flag_set snapshot_save_flag_set = {
    "Usage: lictor snapshot save [options] FILE",
    "  Writes the whole state of the datacenter's servers, as of one moment, to FILE. It is "
    "written\n"
    "  aside and read back before it takes FILE's place. On a terminal its progress is shown.\n"
    "\n"
    "      $ lictor snapshot save backup.snap",
    flags,
    ARRAY_LEN(flags),
};

const struct flag_set snapshot_restore_flag_set = {
    "Usage: lictor snapshot restore [options] FILE",
    "  Replaces the state of the datacenter's servers by what FILE holds. It is checked first: a\n"
    "  damaged file changes nothing. A snapshot of Consul 1.x can be restored, too: what has no "
    "place\n"
    "  here is counted and told in the agent's log. On a terminal its progress is shown.\n"
    "\n"
    "      $ lictor snapshot restore backup.snap",
    flags,
    ARRAY_LEN(flags),
};

static const char *why(int error)
{
        return error == ENOENT ? "no such file or directory" : strerror(error);
}

static bool append(void *arg, const char *bytes, size_t length)
{
        return fwrite(bytes, 1, length, arg) == length;
}

static void tell_received(void *arg, uint64_t sent, uint64_t to_send, uint64_t received,
                          uint64_t to_receive)
{
        (void)sent, (void)to_send;
        progress_tell(arg, received, to_receive);
}

static void tell_sent(void *arg, uint64_t sent, uint64_t to_send, uint64_t received,
                      uint64_t to_receive)
{
        (void)received, (void)to_receive;
        progress_tell(arg, sent, to_send);
}

static int fail(const char *what, const char *path, int error)
{
        fprintf(stderr, "%s: open %s: %s\n", what, path, why(error));
        return 1;
}

static int take_nothing(void *arg, const uint8_t *bytes, size_t len)
{
        (void)arg, (void)bytes, (void)len;
        return 0;
}

// Read it back to the last byte. returns  0 with the index it is of, or the exit status.
static int verify(const char *path, uint64_t *index)
{
        char error[SNAPSHOT_ERROR_MAX] = "";
        struct snapshot_meta meta;
        struct input file = {0};
        int status = snapshot_file_read(path, &file);

        if (status == 0 &&
            snapshot_archive_read((const uint8_t *)file.bytes, file.length, UINT64_MAX,
                                  take_nothing, NULL, &meta, error) < 0) {
                fprintf(stderr, "Error verifying snapshot file: %s\n", error);
                status = 1;
        }
        *index = status == 0 ? meta.index : 0;
        free(file.bytes);
        return status;
}

/* Written aside and renamed, so that an old snapshot is not lost to a failed new one. */
static int save(const struct options *options, const char *path)
{
        struct client_call call = {
            .method = "GET", .path = "/v1/snapshot", .timeout_s = 3600, .on_body = append};
        struct progress progress;
        struct client_reply reply;
        uint64_t index = 0;
        char *aside = NULL, error[1024];
        int status, ret;
        FILE *file;

        if (asprintf(&aside, "%s.unverified", path) < 0)
                return 1;
        file = fopen(aside, "we");
        if (file == NULL) {
                status = fail("Error writing unverified snapshot file", aside, errno);
                free(aside);
                return status;
        }
        call.on_body_arg = file;
        call.on_progress = tell_received;
        call.on_progress_arg = &progress;
        progress_begin(&progress, "Receiving", NULL);
        ret = client_send(&options->client, &call, &reply, error, sizeof(error));
        progress_end(&progress, ret == 0 && reply.status == 200);
        status = client_judge(ret, error, "Error saving snapshot", false, &reply);
        if (status == 0)
                free(reply.body);
        if (fflush(file) != 0 || fsync(fileno(file)) != 0)
                status = fail("Error writing unverified snapshot file", aside, errno);
        if (fclose(file) != 0 && status == 0)
                status = fail("Error writing unverified snapshot file", aside, errno);
        if (status == 0)
                status = verify(aside, &index);
        if (status == 0 && rename(aside, path) != 0)
                status = fail("Error renaming snapshot file", path, errno);
        if (status == 0)
                printf("Saved and verified snapshot to index %llu\n", (unsigned long long)index);
        else
                unlink(aside);
        free(aside);
        return status;
}

int snapshot_file_argument(int argc, char *const argv[], int rest, const char **path)
{
        if (rest == argc) {
                fputs("Missing FILE argument\n", stderr);
                return 1;
        }
        if (argc - rest > 1)
                return client_too_many(1, argc - rest);
        *path = argv[rest];
        return 0;
}

int command_snapshot_save(int argc, char *const argv[])
{
        struct options options = {0};
        const char *path = NULL;
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&snapshot_save_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = snapshot_file_argument(argc, argv, rest, &path);
        return status != 0 ? status : save(&options, path);
}

int snapshot_file_read(const char *path, struct input *out)
{
        FILE *file = fopen(path, "re");
        long size;

        if (file == NULL)
                return fail("Error opening snapshot file", path, errno);
        if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
            fseek(file, 0, SEEK_SET) == 0 && (out->bytes = malloc((size_t)size + 1)) != NULL)
                out->length = fread(out->bytes, 1, (size_t)size, file);
        if (out->bytes == NULL || ferror(file)) {
                fprintf(stderr, "Error reading snapshot file: %s\n", strerror(errno));
                fclose(file);
                return 1;
        }
        fclose(file);
        return 0;
}

static int restore(const struct options *options, const struct input *input)
{
        struct progress progress;
        const struct client_call call = {.method = "PUT",
                                         .path = "/v1/snapshot",
                                         .body = input->bytes,
                                         .body_length = input->length,
                                         .timeout_s = 3600,
                                         .on_progress = tell_sent,
                                         .on_progress_arg = &progress};
        struct client_reply reply;
        char error[1024];
        int status, ret;

        progress_begin(&progress, "Sent", "the servers verify it and put it in place");
        ret = client_send(&options->client, &call, &reply, error, sizeof(error));
        progress_end(&progress, ret == 0 && reply.status == 200);
        status = client_judge(ret, error, "Error restoring snapshot", false, &reply);
        if (status == 0) {
                puts("Restored snapshot");
                free(reply.body);
        }
        return status;
}

int command_snapshot_restore(int argc, char *const argv[])
{
        struct options options = {0};
        struct input input = {0};
        const char *path = NULL;
        int rest = 0, status;
        enum flags_outcome outcome =
            flags_parse(&snapshot_restore_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        status = snapshot_file_argument(argc, argv, rest, &path);
        if (status == 0)
                status = snapshot_file_read(path, &input);
        if (status == 0)
                status = restore(&options, &input);
        free(input.bytes);
        return status;
}
