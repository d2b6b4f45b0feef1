/* SPDX-License-Identifier: Apache-2.0 */
/* What a client believes of its daemon: Replies. */
#include "fuzz_wire.h"

static void judge(const Jobd__Reply *reply)
{
        FUZZ_CHECK(reply->body_case != JOBD__REPLY__BODY__NOT_SET);
        if (reply->body_case == JOBD__REPLY__BODY_OUTPUT)
                FUZZ_CHECK(reply->output->what_case != JOBD__OUTPUT__WHAT__NOT_SET);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FUZZ_WIRE(reply, Jobd__Reply, data, size, judge);
        return 0;
}
