/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job whose output goes to files of its user's has a pattern for their names (-o part-%a.txt),
 * which the worker fills when a task starts (common/file_pattern.c). jobd only keeps the pattern,
 * and it knows no names of users; so what the file is called is worked out here, from the same
 * facts. Called by follow_session.c.
 */
#include "client/cmd/output_place.h"

#include <pwd.h>
#include <string.h>

#include "common/file_pattern.h"

#include "client/cmd/select.h"

char *output_place_find(struct app *app, uint64_t job, uint64_t task, const char *pattern)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        const struct jobctl_item *item, *spec;
        struct file_pattern_facts facts = { .job = job, .number = task };
        const struct passwd *owner;

        if (select_tasks(app, job, task, task, &selector) ||
            jobctl_info(app->conn, selector, false, &result) || jobctl_result_count(result) == 0)
                return NULL;
        item = jobctl_result_item(result, 0);
        spec = jobctl_get_item(item, JOBCTL_JOB_SPEC);
        facts.number = jobctl_number_or(spec, JOBCTL_SPEC_ARRAY_FIRST, 0) +
                       task * jobctl_number_or(spec, JOBCTL_SPEC_ARRAY_STEP, 1);
        facts.name = jobctl_get_text(spec, JOBCTL_SPEC_NAME, NULL);
        owner = getpwuid((uid_t)jobctl_number_or(item, JOBCTL_JOB_UID, 0));
        facts.user = owner ? owner->pw_name : NULL;
        return file_pattern_expand(pattern, strlen(pattern), &facts);
}
