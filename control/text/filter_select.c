#include <string.h>

#include "control/text/filter_internal.h"

static enum filter_type scalar_type(const char **selector)
{
        if (**selector == '#') {
                (*selector)++;
                return FILTER_NUMBER;
        }
        if (**selector == '?') {
                (*selector)++;
                return FILTER_BOOL;
        }
        return FILTER_TEXT;
}

// Type of the path if this selector describes it, else -1.
static int match_selector(const char *selector, const char *const path[], size_t path_len,
                          bool *in_map)
{
        enum filter_type type = scalar_type(&selector);

        *in_map = false;

        for (size_t i = 0; i < path_len; i++) {
                size_t len = strcspn(selector, ".[");
                bool is_list = selector[len] == '[';
                const char *rest = selector + len + (is_list ? 2 : 0);
                bool is_last = i + 1 == path_len;

                if (len == 1 && selector[0] == '*')
                        *in_map = true;
                else if (strlen(path[i]) != len || memcmp(path[i], selector, len) != 0)
                        return -1;
                if (is_last && is_list)
                        return *rest == '\0' ? FILTER_LIST : FILTER_OBJECTS;
                if (is_last)
                        return *rest == '\0'                 ? (int)type
                               : strncmp(rest, ".*", 2) == 0 ? FILTER_MAP
                                                             : FILTER_STRUCT;
                if (*rest != '.')
                        return -1;
                selector = rest + 1;
        }
        return -1;
}

int filter_select(const char *const *selectors, const char *const path[], size_t path_len,
                  bool *in_map)
{
        for (size_t i = 0; selectors[i] != NULL; i++) {
                int type = match_selector(selectors[i], path, path_len, in_map);

                if (type >= 0)
                        return type;
        }
        return -1;
}
