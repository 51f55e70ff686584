#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "control/agent/metrics.h"

static void write_name(const struct metric *metric, FILE *out)
{
        fputs(metric->name, out);
        for (unsigned i = 0; i < metric->label_count; i++)
                fprintf(out, ".%s", metric->labels[i].value);
}

void metrics_dump(const struct agent *agent, FILE *out)
{
        char time_text[40] = "";
        struct metric *metrics;
        time_t now = time(NULL);
        struct tm local;
        size_t count;

        if (metrics_gather(agent, &metrics, &count) < 0)
                return;
        localtime_r(&now, &local);
        strftime(time_text, sizeof(time_text), "%Y-%m-%d %H:%M:%S %z %Z", &local);
        for (size_t i = 0; i < count; i++) {
                bool gauge = metrics[i].kind == METRIC_GAUGE;

                fprintf(out, "[%s][%s] '", time_text, gauge ? "G" : "C");
                write_name(&metrics[i], out);
                if (gauge)
                        fprintf(out, "': %.3f\n", metrics[i].value);
                else
                        fprintf(out, "': Count: %.0f Sum: %.3f\n", metrics[i].value,
                                metrics[i].value);
        }
        fflush(out);
        free(metrics);
}
