/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The job behind a lease. The tasks of an array or map come as many leases of one job, and jobd
 * sends its specification only with the first of them on a link: it is decoded here once, the
 * template of a map is read once, and everybody else holds a reference.
 *
 * The worker keeps that of the last Start (worker_orders.c), a lease keeps its own until its
 * process has started.
 */
#include "worker/job.h"

#include <errno.h>

static int job_read_template(struct job *job, struct reason *why)
{
        const Jobd__Spec *const spec = job->spec;
        _cleanup_(freep) struct template_word *words = calloc(spec->n_argv, sizeof(*words));
        int r;

        if (!words)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < spec->n_argv; i++)
                words[i] = (struct template_word){ spec->argv[i].data, spec->argv[i].len };
        r = template_new(words, spec->n_argv, spec->shell, spec->map_values, &job->template, why);
        if (r < 0)
                return PASS(r);
        return r > 0 ? WIRE_E_BAD : 0;
}

static int job_decode(struct job *job, const Jobd__Work__Start *start, struct reason *why)
{
        int r;

        r = wire_unpack_spec(start->spec.data, start->spec.len, &job->spec, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        if (!job->spec->n_argv || !job->spec->argv[0].len)
                return reason_set(why, WIRE_E_BAD, "the job has no command");
        if (start->has_environment) {
                r = wire_unpack_environment(start->environment.data, start->environment.len,
                                            &job->environment, why);
                if (r)
                        return r < 0 ? PASS(r) : r;
        }
        return job->spec->map_values ? job_read_template(job, why) : 0;
}

int job_new(const Jobd__Work__Start *start, struct job **out_job, struct reason *why)
{
        _cleanup_(job_unrefp) struct job *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return FAULT(-ENOMEM);
        job->count = 1;
        job->id = start->job;
        r = job_decode(job, start, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        *out_job = TAKE_PTR(job);
        return 0;
}

struct job *job_ref(struct job *job)
{
        if (job)
                job->count++;
        return job;
}

struct job *job_unref(struct job *job)
{
        if (!job || --job->count)
                return NULL;
        template_free(job->template);
        wire_free_environment(job->environment);
        wire_free_spec(job->spec);
        free(job);
        return NULL;
}
