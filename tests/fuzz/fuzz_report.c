/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both directions of the private socket: Reports to jobd, and Orders to a worker, which in system
 * mode is root and must not believe jobd. A Start carries a Spec and an Environment of their own.
 */
#include "fuzz_wire.h"

static void judge_report(const Jobd__Work__Report *report)
{
        FUZZ_CHECK(report->body_case != JOBD__WORK__REPORT__BODY__NOT_SET);
}

static void judge_nothing(const void *message)
{
        FUZZ_CHECK(message);
}

static void judge_order(const Jobd__Work__Order *order)
{
        const Jobd__Work__Start *start;

        FUZZ_CHECK(order->body_case != JOBD__WORK__ORDER__BODY__NOT_SET);
        if (order->body_case != JOBD__WORK__ORDER__BODY_START)
                return;
        start = order->start;
        FUZZ_CHECK(start->uid != UINT32_MAX && start->gid != UINT32_MAX);
        if (start->has_spec)
                FUZZ_WIRE(spec, Jobd__Spec, start->spec.data, start->spec.len, judge_nothing);
        if (start->has_environment)
                FUZZ_WIRE(environment, Jobd__Environment, start->environment.data,
                          start->environment.len, judge_nothing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FUZZ_WIRE(report, Jobd__Work__Report, data, size, judge_report);
        FUZZ_WIRE(order, Jobd__Work__Order, data, size, judge_order);
        return 0;
}
