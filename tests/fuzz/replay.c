// Runs a fuzz target over committed corpus files, so that every build keeps what fuzzing found.

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
        FILE *file = fopen(path, "rb");
        uint8_t *data;
        long size;
        int ret = -1;

        if (file == NULL)
                return -1;
        if (fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
                goto close_file;
        rewind(file);
        // Exactly as large as the input, so that ASan sees a read past its end.
        data = malloc(size > 0 ? (size_t)size : 1);
        if (data == NULL)
                goto close_file;
        if (fread(data, 1, (size_t)size, file) == (size_t)size)
                ret = LLVMFuzzerTestOneInput(data, (size_t)size);
        free(data);
close_file:
        fclose(file);
        return ret;
}

int main(int argc, char **argv)
{
        struct dirent **entries;
        int count, failed = 0, replayed = 0;

        if (argc != 2) {
                fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
                return 2;
        }
        count = scandir(argv[1], &entries, NULL, alphasort);
        if (count < 0) {
                perror(argv[1]);
                return 2;
        }
        for (int i = 0; i < count; i++) {
                char path[4096];

                snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
                if (entries[i]->d_name[0] != '.') {
                        replayed++;
                        if (replay_file(path) != 0) {
                                fprintf(stderr, "failed: %s\n", path);
                                failed++;
                        }
                }
                free(entries[i]);
        }
        free(entries);
        printf("%d inputs replayed, %d failed\n", replayed, failed);
        return failed == 0 && replayed > 0 ? 0 : 1;
}
