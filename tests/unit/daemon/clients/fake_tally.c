/* SPDX-License-Identifier: Apache-2.0 */
/* What the fake engine has counted: what the test says, and one queue. */
#include <check.h>

#include "fake_engine.h"

const struct tally *engine_tally(const struct engine *e)
{
        return &e->tally;
}

void engine_tally_machine(const struct engine *e, struct tally_machine *out_machine)
{
        *out_machine = e->machine;
}

size_t engine_tally_users(const struct engine *e, struct tally_user *out_users, size_t max)
{
        ck_assert_uint_le(e->users_count, max);
        for (size_t i = 0; i < e->users_count; i++)
                out_users[i] = e->users[i];
        return e->users_count;
}

bool engine_tally_user(const struct engine *e, uint32_t uid, struct tally_user *out_user)
{
        for (size_t i = 0; i < e->users_count; i++)
                if (e->users[i].uid == uid) {
                        *out_user = e->users[i];
                        return true;
                }
        return false;
}

size_t engine_tally_queues(const struct engine *e, struct tally_queue *out_queues, size_t max)
{
        ck_assert_uint_ge(max, 1);
        out_queues[0] = (struct tally_queue){ .name = "default", .jobs = e->jobs_count };
        return 1;
}
