#include "control/cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "control/cli/holder.h"

#define INTERVAL_MS 200u

void progress_begin(struct progress *progress, const char *doing, const char *waiting)
{
        *progress = (struct progress){.shown = isatty(STDERR_FILENO) == 1,
                                      .doing = doing,
                                      .waiting = waiting,
                                      .began_ms = holder_now_ms()};
}

static const char *size_text(uint64_t bytes, char out[32])
{
        static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
        double size = (double)bytes / 1024;
        size_t unit = 0;

        if (bytes < 1024) {
                snprintf(out, 32, "%llu bytes", (unsigned long long)bytes);
                return out;
        }
        while (size >= 1024 && unit < sizeof(units) / sizeof(units[0]) - 1) {
                size /= 1024;
                unit++;
        }
        snprintf(out, 32, "%.1f %s", size, units[unit]);
        return out;
}

static void write_line(const struct progress *progress)
{
        char some[32], all[32];

        // Back to the line's begin, over what was there.
        fprintf(stderr, "\r\033[K%s %s", progress->doing, size_text(progress->done, some));
        if (progress->total > 0)
                fprintf(stderr, " of %s (%llu %%)", size_text(progress->total, all),
                        (unsigned long long)(progress->done * 100 / progress->total));
}

void progress_tell(struct progress *progress, uint64_t done, uint64_t total)
{
        uint64_t now_ms = progress->shown ? holder_now_ms() : 0;

        progress->done = done;
        progress->total = total;
        if (!progress->shown || now_ms < progress->next_ms)
                return;
        progress->next_ms = now_ms + INTERVAL_MS;
        progress->any = true;
        write_line(progress);
        if (total > 0 && done >= total && progress->waiting != NULL)
                fprintf(stderr, ", %s: %llu s", progress->waiting,
                        (unsigned long long)(now_ms - progress->began_ms) / 1000);
        fflush(stderr);
}

void progress_end(struct progress *progress, bool succeeded)
{
        if (progress->any && succeeded) {
                write_line(progress);
                fputs("\n", stderr);
        } else if (progress->any) {
                fputs("\r\033[K", stderr);
        }
        progress->any = false;
}
