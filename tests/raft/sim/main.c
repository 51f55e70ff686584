// raft-sim: runs seeds of the simulator.
//   raft-sim [--first SEED] [--seeds N] [--events N] [--expect-failure]

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/raft/sim/sim.h"

struct arguments {
        uint64_t first;
        uint64_t seeds;
        uint64_t events;
        bool expect_failure;
};

static int parse(int argc, char **argv, struct arguments *out)
{
        for (int i = 1; i < argc; i++) {
                uint64_t *number = strcmp(argv[i], "--first") == 0    ? &out->first
                                   : strcmp(argv[i], "--seeds") == 0  ? &out->seeds
                                   : strcmp(argv[i], "--events") == 0 ? &out->events
                                                                      : NULL;

                if (strcmp(argv[i], "--expect-failure") == 0)
                        out->expect_failure = true;
                else if (number != NULL && i + 1 < argc)
                        *number = strtoull(argv[++i], NULL, 10);
                else
                        return -1;
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct arguments a = {.first = 1, .seeds = 100, .events = 25000};
        struct sim_outcome total = {0};
        uint64_t failed = 0;
        time_t began = time(NULL);

        if (parse(argc, argv, &a) != 0) {
                fprintf(stderr,
                        "usage: %s [--first SEED] [--seeds N] [--events N] "
                        "[--expect-failure]\n",
                        argv[0]);
                return 2;
        }
        for (uint64_t seed = a.first; seed < a.first + a.seeds; seed++) {
                struct sim_options options = {.seed = seed, .events = a.events};
                struct sim_outcome out;

                sim_run(&options, &out);
                total.events += out.events;
                total.writes += out.writes;
                total.reads += out.reads;
                total.elections += out.elections;
                if (out.failure[0] == 0)
                        continue;
                failed++;
                printf("seed %" PRIu64 ": %s\n  again: %s --first %" PRIu64
                       " --seeds 1 --events %" PRIu64 "\n",
                       seed, out.failure, argv[0], seed, a.events);
                if (a.expect_failure || failed >= 10)
                        break;
        }
        printf("%" PRIu64 " seeds, %" PRIu64 " events, %" PRIu64 " writes, %" PRIu64
               " reads, %" PRIu64 " elections, %" PRIu64 " failed, %ld s\n",
               a.seeds, total.events, total.writes, total.reads, total.elections, failed,
               (long)(time(NULL) - began));
        return a.expect_failure ? failed == 0 : failed != 0;
}
