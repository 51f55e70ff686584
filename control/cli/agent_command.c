#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/agent/agent.h"
#include "control/cli/agent_flags.h"
#include "control/cli/cli.h"
#include "control/log/log_file.h"
#include "lictor/version.h"

static const char *yes_no(bool value)
{
        return value ? "true" : "false";
}

// The block operators' scripts look for, labels right-aligned as Consul prints it.
static void print_banner(const struct agent *agent)
{
        const struct config *config = agent->config;

        puts("==> Starting Lictor agent...");
        printf("           Version: '%s' (Consul API %s)\n", LICTOR_VERSION,
               LICTOR_CONSUL_API_VERSION);
        printf("           Node ID: '%s'\n", agent->node_id);
        printf("         Node name: '%s'\n", config->node_name);
        printf("        Datacenter: '%s' (Segment: '%s')\n", config->datacenter,
               config->server ? "<all>" : "");
        printf("            Server: %s (Bootstrap: %s)\n", yes_no(config->server),
               yes_no(config->bootstrap));
        printf("       Client Addr: %s (HTTP: %d, HTTPS: %d, gRPC: %d, DNS: %d)\n",
               config->client_text, config->ports.http, config->ports.https, config->ports.grpc,
               config->ports.dns);
        printf("      Cluster Addr: %s (LAN: %d, WAN: %d)\n", config->advertise_address,
               config->ports.serf_lan, config->ports.serf_wan);
        puts("           Encrypt: Gossip: false, TLS-Outgoing: false, TLS-Incoming: false, "
             "Auto-Encrypt-TLS: false\n");
        puts("==> Log data will now stream in as it occurs:\n");
        fflush(stdout);
}

static int run_agent(const struct agent_options *options, const struct config_report *report)
{
        struct agent *agent = calloc(1, sizeof(*agent));
        char error[1024] = "out of memory";
        int status = 1;

        if (agent == NULL || agent_prepare(agent, options, error, sizeof(error)) < 0) {
                fprintf(stderr, "==> %s\n", error);
                free(agent);
                return 1;
        }
        print_banner(agent);
        for (size_t i = 0; i < report->warning_count; i++)
                log_warn(options->log, "agent", "%s", report->warnings[i]);
        if (agent_start(agent, error, sizeof(error)) == 0) {
                status = agent_run(agent);
        } else {
                // In the log for those who collect it, and once more where errors are looked for.
                log_error(options->log, "agent", "Error starting agent: error=\"%s\"", error);
                fprintf(stderr, "==> %s\n", error);
        }
        agent_stop(agent);
        free(agent);
        return status;
}

static uint64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int open_log(const struct config *config, struct log *log)
{
        const struct log_file_options options = {.path = config->log_file,
                                                 .bytes_max = config->log_rotate_bytes,
                                                 .duration_ns = config->log_rotate_ns,
                                                 .files_max = config->log_rotate_files};
        char error[512];

        log->json = config->log_json;
        if (*config->syslog_facility != '\0') {
                if (log_syslog_open(config->syslog_facility) < 0) {
                        fprintf(stderr, "==> Syslog setup failed: invalid facility: %s\n",
                                config->syslog_facility);
                        return -EINVAL;
                }
                log->syslog = true;
        }
        if (*config->log_file != '\0' &&
            log_file_open(&options, now_ns(), &log->file, error, sizeof(error)) < 0) {
                fprintf(stderr, "==> %s\n", error);
                return -EINVAL;
        }
        return 0;
}

static int build_and_run(const struct agent_flags *flags)
{
        struct log log = {.stream = stdout};
        struct agent_options options = {
            .input = flags->input,
            .log = &log,
        };
        struct config_report report;
        int ret = config_build(&options.input, &options.config, &report), status = 1;

        if (ret < 0) {
                fprintf(stderr, "==> %s\n", report.error != NULL ? report.error : strerror(-ret));
        } else if (log_level_parse(options.config->log_level_text, &log.level) < 0) {
                fprintf(stderr,
                        "==> Invalid log level: %s. Valid log levels are: [TRACE DEBUG INFO WARN "
                        "ERR]\n",
                        options.config->log_level_text);
                config_destroy(options.config);
        } else if (open_log(options.config, &log) < 0) {
                config_destroy(options.config);
        } else {
                status = run_agent(&options, &report);
        }
        log_file_close(log.file);
        config_report_fini(&report);
        return status;
}

int command_agent(int argc, char *const argv[])
{
        struct agent_flags flags;
        int status = agent_flags_parse(argc, argv, &flags);

        if (status >= 0)
                return status;
        status = build_and_run(&flags);
        agent_flags_fini(&flags);
        return status;
}
