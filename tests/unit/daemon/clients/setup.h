/* SPDX-License-Identifier: Apache-2.0 */
/* A stage for each test, with one client on it: of one's own daemon, or an ordinary user's. */
#pragma once

#include "stage.h"

static struct stage stage;
static struct peer *peer;
static struct engine *e;

static _unused_ void setup_open(void)
{
        stage_open(&stage);
        peer = peer_new(&stage);
        e = &stage.engine;
}

/* The daemon is the test's own, who may do everything. */
static _unused_ void setup(void)
{
        stage_init(&stage);
        setup_open();
}

/* A machine's daemon that is somebody else's: before setup_open() more may be said of it. */
static _unused_ void setup_machine(void)
{
        stage_drop_root();
        stage_init(&stage);
        stage.options.system_mode = true;
        stage.options.own_uid = STAGE_UID_OTHER + 1;
}

/* An ordinary user of it. */
static _unused_ void setup_user(void)
{
        setup_machine();
        setup_open();
}

static _unused_ void teardown(void)
{
        stage_close(&stage);
}
