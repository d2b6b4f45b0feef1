/* SPDX-License-Identifier: Apache-2.0 */
/* Options that were not given: from JOBCTL_* and from jobctl.conf. */
#pragma once

#include "client/cmd/option.h"

/*
 * Fills the rows marked `setting` that the command line left open: JOBCTL_NAME, then
 * $XDG_CONFIG_HOME/jobd/jobctl.conf (else ~/.config), then /etc/jobd/jobctl.conf. A wrong value is
 * refused with its place. *out_settings holds the texts that options point to: free it last.
 * 0 or OPTION_E_BAD.
 */
struct settings;
_must_use_ int settings_apply(const struct option_set *sets, struct settings **out_settings,
                              struct reason *why);
struct settings *settings_free(struct settings *settings);
/* Does this option say which daemon is meant? Then it excludes the others that do. */
bool settings_is_place(const char *name);
