/* SPDX-License-Identifier: Apache-2.0 */
/* What any local user can send to jobd: a Request, and the judgement of what it submits. */
#include "fuzz_wire.h"

static void judge(const Jobd__Request *request)
{
        const Jobd__Submit *submit;

        FUZZ_CHECK(request->body_case != JOBD__REQUEST__BODY__NOT_SET);
        if (request->body_case != JOBD__REQUEST__BODY_SUBMIT)
                return;
        submit = request->submit;
        FUZZ_CHECK(submit->key.len == WIRE_KEY_BYTES && submit->n_jobs >= 1);
        for (size_t i = 0; i < submit->n_jobs; i++) {
                const Jobd__Submission *job = submit->jobs[i];

                if (wire_check_spec(job->spec, NULL) == 0)
                        FUZZ_CHECK(job->spec->n_argv > 0 && job->spec->argv[0].len > 0);
                if (job->has_environment)
                        FUZZ_CHECK(wire_check_environment(submit->environments[job->environment],
                                                          NULL) >= 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        FUZZ_WIRE(request, Jobd__Request, data, size, judge);
        return 0;
}
