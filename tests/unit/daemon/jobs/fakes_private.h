/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the fakes ask of each other. */
#pragma once

#ifdef NDEBUG
#error "what the fakes are asked stands inside of assert()"
#endif

#include "fakes.h"

/* Everything that was fetched is answered, or will never be. */
void fake_journal_answer(void);
void fake_journal_forget(void);
/* Is what the engine counted what there is? Ends the program when not. */
void fake_check_tally(const struct engine *e);
