#ifndef CONTROL_TEXT_JSON_TEXT_H
#define CONTROL_TEXT_JSON_TEXT_H

#include <jansson.h>

/** The text an object has by a name, borrowed from it; "" when it has none. */
static inline const char *json_text(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));

        return text != NULL ? text : "";
}

#endif
