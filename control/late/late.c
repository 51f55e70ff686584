#include "control/late/late.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void *late_find(struct late_library *library, const char *name)
{
        void *found = NULL;

        pthread_mutex_lock(&lock);
        if (library->handle == NULL)
                library->handle = dlopen(library->soname, RTLD_LAZY | RTLD_LOCAL);
        if (library->handle != NULL)
                found = dlsym(library->handle, name);
        // Callers ask again with each call.
        if (found == NULL && !library->told)
                fprintf(stderr, "lictor: cannot load %s; install %s: %s\n", library->soname,
                        library->package, dlerror());
        library->told |= found == NULL;
        pthread_mutex_unlock(&lock);
        return found;
}
