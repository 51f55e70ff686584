#include "control/store/store_internal.h"

const struct setting_record *store_setting_get(const struct store *s, const char *name)
{
        return store_find(s->tables.settings, &name, 1);
}

void store_set_setting(struct store *s, const struct catalog_setting *setting)
{
        union store_row before, after;

        before.setting = store_setting_get(s, setting->name);
        if (before.setting && catalog_setting_equal(&before.setting->setting, setting))
                return;
        after.setting = setting_record_create(
            setting, before.setting ? before.record->create_index : s->open_index, s->open_index);
        store_put(s, STORE_SETTINGS, before, after);
}
