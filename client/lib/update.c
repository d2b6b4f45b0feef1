/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing queued jobs. The changes are a specification with only some fields set; its environment
 * holds the variables to set. Asked twice it does the same, so it is repeated after a reconnection.
 */
#include <errno.h>
#include <string.h>

#include "client/lib/ask.h"
#include "client/lib/selector.h"
#include "client/lib/spec.h"

int jobctl_update(struct jobctl *conn, const struct jobctl_selector *selector,
                  const struct jobctl_spec *changes, const char *const *unset, size_t unset_count,
                  struct jobctl_result **out_result)
{
        _cleanup_(freep) ProtobufCBinaryData *names = calloc(unset_count + 1, sizeof(*names));
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Update update = JOBD__UPDATE__INIT;

        if (!names)
                return failure_from(&conn->failure, -ENOMEM, "an update");
        for (size_t i = 0; i < unset_count; i++)
                names[i] = (ProtobufCBinaryData){ .len = strlen(unset[i]),
                                                  .data = (uint8_t *)(uintptr_t)unset[i] };
        update.selector = selector_message(selector);
        update.set = changes->message;
        update.set_environment = changes->environment->entries;
        update.n_set_environment = changes->environment->n_entries;
        update.unset_environment = names;
        update.n_unset_environment = unset_count;
        update.has_no_dependencies = update.no_dependencies =
                changes->clears_dependencies && changes->message->n_dependencies == 0;
        request.body_case = JOBD__REQUEST__BODY_UPDATE;
        request.update = &update;
        return ask_wait(conn, &request, ASK_AGAIN, out_result);
}
