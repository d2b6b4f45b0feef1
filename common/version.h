/* SPDX-License-Identifier: Apache-2.0 */
/* Which jobd this is: the release, for people, and the very build, for upgrades. */
#pragma once

/* Room for either text with its 0. */
#define VERSION_BYTES 96

/* Such as "0.1.0" or "0.1.1~test": what --version shows. */
extern const char version_text[];

/*
 * The same with "+" and twelve digits that depend on what the daemon and the worker are made of
 * (and on nothing else, such as time or place). Two programs of one build have it in common; a
 * worker that has another one than jobd is to be replaced. Debug builds do without the digits.
 */
extern const char version_build[];
