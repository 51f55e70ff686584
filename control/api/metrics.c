#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "control/agent/metrics.h"
#include "control/api/api_internal.h"

static void write_labels(struct json_writer *w, const struct metric *metric)
{
        json_writer_key(w, "Labels");
        json_writer_begin_object(w);
        for (unsigned i = 0; i < metric->label_count; i++)
                json_writer_put_string(w, metric->labels[i].name, metric->labels[i].value);
        json_writer_end_object(w);
}

static void write_gauge(struct json_writer *w, const struct metric *metric)
{
        json_writer_begin_object(w);
        json_writer_put_string(w, "Name", metric->name);
        json_writer_key(w, "Value");
        json_writer_double(w, metric->value);
        write_labels(w, metric);
        json_writer_end_object(w);
}

// Counters count from the start of the agent.
static void write_counter(struct json_writer *w, const struct metric *metric)
{
        static const char *const keys[] = {"Count", "Sum"};

        json_writer_begin_object(w);
        json_writer_put_string(w, "Name", metric->name);
        for (size_t i = 0; i < 2; i++) {
                json_writer_key(w, keys[i]);
                json_writer_double(w, metric->value);
        }
        write_labels(w, metric);
        json_writer_end_object(w);
}

// So are samples counted, and their sum.
static void write_sample_json(struct json_writer *w, const struct metric *metric)
{
        double mean = metric->count > 0 ? metric->value / (double)metric->count : 0;
        const struct {
                const char *key;
                double value;
        } numbers[] = {{"Sum", metric->value}, {"Max", metric->max}, {"Mean", mean}};

        json_writer_begin_object(w);
        json_writer_put_string(w, "Name", metric->name);
        json_writer_put_uint(w, "Count", metric->count);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                json_writer_key(w, numbers[i].key);
                json_writer_double(w, numbers[i].value);
        }
        write_labels(w, metric);
        json_writer_end_object(w);
}

static void write_kind(struct json_writer *w, const char *key, const struct metric *metrics,
                       size_t count, enum metric_kind kind)
{
        json_writer_key(w, key);
        json_writer_begin_array(w);
        for (size_t i = 0; i < count; i++) {
                if (metrics[i].kind != kind)
                        continue;
                if (kind == METRIC_GAUGE)
                        write_gauge(w, &metrics[i]);
                else if (kind == METRIC_SAMPLE)
                        write_sample_json(w, &metrics[i]);
                else
                        write_counter(w, &metrics[i]);
        }
        json_writer_end_array(w);
}

static void put_empty(struct json_writer *w, const char *key)
{
        json_writer_key(w, key);
        json_writer_begin_array(w);
        json_writer_end_array(w);
}

static void reply_json(struct http_request *request, const struct metric *metrics, size_t count)
{
        time_t now = time(NULL);
        char timestamp[64] = "";
        struct json_writer w;
        struct tm utc;

        gmtime_r(&now, &utc);
        strftime(timestamp, sizeof(timestamp), "%Y-%m-%d %H:%M:%S +0000 UTC", &utc);
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        json_writer_put_string(&w, "Timestamp", timestamp);
        write_kind(&w, "Gauges", metrics, count, METRIC_GAUGE);
        put_empty(&w, "Points");
        write_kind(&w, "Counters", metrics, count, METRIC_COUNTER);
        write_kind(&w, "Samples", metrics, count, METRIC_SAMPLE);
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

// Prometheus' names know letters, digits, underscores and colons.
static void write_name(FILE *file, const char *name)
{
        for (; *name != '\0'; name++)
                fputc(strchr(".- ", *name) != NULL ? '_' : *name, file);
}

static void write_label_value(FILE *file, const char *value)
{
        for (; *value != '\0'; value++) {
                if (*value == '"' || *value == '\\')
                        fputc('\\', file);
                fputc(*value == '\n' ? ' ' : *value, file);
        }
}

static void write_sample(FILE *file, const struct metric *metric)
{
        if (metric->kind == METRIC_SAMPLE) {
                write_name(file, metric->name);
                fprintf(file, "_count %llu\n", (unsigned long long)metric->count);
        }
        write_name(file, metric->name);
        if (metric->kind == METRIC_SAMPLE)
                fputs("_sum", file);
        for (unsigned i = 0; i < metric->label_count; i++) {
                fprintf(file, "%s%s=\"", i == 0 ? "{" : ",", metric->labels[i].name);
                write_label_value(file, metric->labels[i].value);
                fputc('"', file);
        }
        fprintf(file, "%s %.17g\n", metric->label_count > 0 ? "}" : "", metric->value);
}

static void reply_prometheus(struct http_request *request, const struct metric *metrics,
                             size_t count)
{
        char *text = NULL;
        size_t len = 0;
        FILE *file = open_memstream(&text, &len);

        if (file == NULL) {
                http_reply_empty(request, 500);
                return;
        }
        for (size_t i = 0; i < count; i++) {
                if (i == 0 || strcmp(metrics[i].name, metrics[i - 1].name) != 0) {
                        fputs("# HELP ", file);
                        write_name(file, metrics[i].name);
                        fprintf(file, " %s\n# TYPE ", metrics[i].help);
                        write_name(file, metrics[i].name);
                        fputs(metrics[i].kind == METRIC_GAUGE    ? " gauge\n"
                              : metrics[i].kind == METRIC_SAMPLE ? " summary\n"
                                                                 : " counter\n",
                              file);
                }
                write_sample(file, &metrics[i]);
        }
        if (fclose(file) != 0) {
                free(text);
                http_reply_empty(request, 500);
                return;
        }
        http_reply_bytes(request, 200, "text/plain; version=0.0.4; charset=utf-8", text, len);
}

// Whether one of the media types is that of Prometheus' texts, the older one with its version.
static bool accepts_prometheus(const char *accept)
{
        static const char open[] = "application/openmetrics-text", plain[] = "text/plain";

        while (accept != NULL && *accept != '\0') {
                size_t len, parameter;

                accept += strspn(accept, " ,");
                len = strcspn(accept, ",; ");
                if (len == sizeof(open) - 1 && strncasecmp(accept, open, len) == 0)
                        return true;
                parameter = len + strspn(accept + len, "; ");
                if (len == sizeof(plain) - 1 && strncasecmp(accept, plain, len) == 0 &&
                    strcspn(accept + parameter, ",; ") == 13 &&
                    strncmp(accept + parameter, "version=0.4.0", 13) == 0)
                        return true;
                accept += strcspn(accept, ",");
        }
        return false;
}

void api_agent_metrics(struct http_request *request, void *app)
{
        const char *format = http_request_param(request, "format");
        bool prometheus = (format != NULL && strcmp(format, "prometheus") == 0) ||
                          accepts_prometheus(http_request_header(request, "Accept"));
        const struct api *api = app;
        struct metric *metrics;
        size_t count;

        if (prometheus && api->agent->config->prometheus_retention_ms == 0) {
                http_reply_text(request, 415,
                                "Prometheus is not enabled since its retention time is not "
                                "positive");
                return;
        }
        if (metrics_gather(api->agent, &metrics, &count) < 0) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        if (prometheus)
                reply_prometheus(request, metrics, count);
        else
                reply_json(request, metrics, count);
        free(metrics);
}
