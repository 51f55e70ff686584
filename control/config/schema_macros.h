#ifndef LICTOR_CONFIG_SCHEMA_MACROS_H
#define LICTOR_CONFIG_SCHEMA_MACROS_H

/* For the tables of keys only. */

#include "control/config/internal.h"

// Shorthands for the tables below.
#define STRING(key)                                                                                \
        {                                                                                          \
                key, SCHEMA_STRING, 0, NULL                                                        \
        }
#define INT(key)                                                                                   \
        {                                                                                          \
                key, SCHEMA_INT, 0, NULL                                                           \
        }
#define FLOAT(key)                                                                                 \
        {                                                                                          \
                key, SCHEMA_FLOAT, 0, NULL                                                         \
        }
#define BOOL(key)                                                                                  \
        {                                                                                          \
                key, SCHEMA_BOOL, 0, NULL                                                          \
        }
#define UINT(key, bits)                                                                            \
        {                                                                                          \
                key, SCHEMA_UINT##bits, 0, NULL                                                    \
        }
#define DURATION(key)                                                                              \
        {                                                                                          \
                key, SCHEMA_DURATION, 0, NULL                                                      \
        }
#define STRINGS(key)                                                                               \
        {                                                                                          \
                key, SCHEMA_STRINGS, 0, NULL                                                       \
        }
#define MAP(key)                                                                                   \
        {                                                                                          \
                key, SCHEMA_MAP, 0, NULL                                                           \
        }
#define ANY(key)                                                                                   \
        {                                                                                          \
                key, SCHEMA_ANY, 0, NULL                                                           \
        }
#define ANY_LIST(key)                                                                              \
        {                                                                                          \
                key, SCHEMA_ANY_LIST, 0, NULL                                                      \
        }
#define OBJECT(key, fields)                                                                        \
        {                                                                                          \
                key, SCHEMA_OBJECT, 0, fields                                                      \
        }
#define OBJECTS(key, fields)                                                                       \
        {                                                                                          \
                key, SCHEMA_OBJECTS, 0, fields                                                     \
        }
#define LATER(key, kind)                                                                           \
        {                                                                                          \
                key, SCHEMA_##kind, SCHEMA_LATER, NULL                                             \
        }
#define LATER_OBJECT(key, fields)                                                                  \
        {                                                                                          \
                key, SCHEMA_OBJECT, SCHEMA_LATER, fields                                           \
        }
#define END                                                                                        \
        {                                                                                          \
                NULL, SCHEMA_END, 0, NULL                                                          \
        }

/* The keys of a check and of a service. */
extern const struct schema_field schema_check[];
extern const struct schema_field schema_service[];

/* The keys of blocks that little or nothing of takes effect. */
extern const struct schema_field schema_segment[];
extern const struct schema_field schema_auto_encrypt[];
extern const struct schema_field schema_connect[];
extern const struct schema_field schema_consul[];
extern const struct schema_field schema_config_entry[];
extern const struct schema_field schema_audit[];
extern const struct schema_field schema_auto_config[];
extern const struct schema_field schema_provider_token[];
extern const struct schema_field schema_ui_proxy[];

#endif
