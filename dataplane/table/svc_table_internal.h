#ifndef LICTOR_SVC_TABLE_INTERNAL_H
#define LICTOR_SVC_TABLE_INTERNAL_H

/** For the table and its tests only. */

#include "dataplane/table/page_source.h"
#include "dataplane/table/svc_table.h"

/** svc_table_create with memory from elsewhere than the kernel. @source is copied. */
int svc_table_create_on(const struct page_source *source, size_t expected_entries,
                        struct svc_table **out);

#endif
