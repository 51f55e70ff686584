#ifndef TEST_CONFIG_BUILD_H
#define TEST_CONFIG_BUILD_H

#include "control/config/config.h"

/* A configuration built from texts, each in a file of its own. */
struct built {
        struct config *config; /* NULL on failure */
        struct config_report report;
};

/** Build from files "0.json", "1.json", ... in a fresh directory, with these flags (or NULL). */
struct built build_from(const char *const files[], size_t count, const char *flags, bool dev_mode);

/** Build from one text with data_dir and bind_addr given as flags. */
struct built build_text(const char *text);

void built_fini(struct built *built);

#endif
