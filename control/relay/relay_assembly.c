#include "control/relay/relay_assembly.h"

#include <errno.h>
#include <stdlib.h>

struct relay_partial {
        struct relay_partial *next;
        uint64_t id;
        uint8_t kind;
        struct byte_buffer bytes;
};

void relay_assembly_init(struct relay_assembly *assembly, size_t message_max, size_t partial_max)
{
        *assembly = (struct relay_assembly){.message_max = message_max, .partial_max = partial_max};
}

static void drop(struct relay_assembly *assembly, struct relay_partial **at)
{
        struct relay_partial *partial = *at;

        *at = partial->next;
        assembly->len -= partial->bytes.len;
        byte_buffer_fini(&partial->bytes);
        free(partial);
}

void relay_assembly_fini(struct relay_assembly *assembly)
{
        while (assembly->partials != NULL)
                drop(assembly, &assembly->partials);
}

static struct relay_partial **find(struct relay_assembly *assembly, const struct relay_head *head)
{
        struct relay_partial **at = &assembly->partials;

        while (*at != NULL && ((*at)->id != head->id || (*at)->kind != head->kind))
                at = &(*at)->next;
        return at;
}

static int keep(struct relay_assembly *assembly, struct relay_partial **at,
                const struct relay_head *head, const uint8_t *bytes)
{
        // A piece of nothing that does not end would cost memory without being counted.
        if (head->length == 0)
                return head->last ? 0 : -EBADMSG;
        if (*at == NULL) {
                *at = calloc(1, sizeof(**at));
                if (*at == NULL)
                        return -ENOMEM;
                (*at)->id = head->id;
                (*at)->kind = head->kind;
        }
        if ((*at)->bytes.len + head->length > assembly->message_max ||
            assembly->len + head->length > assembly->partial_max)
                return -EMSGSIZE;
        byte_buffer_append(&(*at)->bytes, bytes, head->length);
        assembly->len += head->length;
        return 0;
}

int relay_assembly_take(struct relay_assembly *assembly, const struct relay_head *head,
                        const uint8_t *bytes, relay_whole_fn whole, void *arg)
{
        struct relay_partial **at = find(assembly, head);
        struct byte_buffer message;
        int ret;

        if (*at == NULL && head->last) {
                whole(arg, head, bytes, head->length);
                return 0;
        }
        ret = keep(assembly, at, head, bytes);
        if (ret < 0 || !head->last)
                return ret;
        message = (*at)->bytes;
        assembly->len -= message.len;
        (*at)->bytes = (struct byte_buffer)BYTE_BUFFER_INIT;
        drop(assembly, at);
        whole(arg, head, message.bytes, message.len);
        byte_buffer_fini(&message);
        return 0;
}
