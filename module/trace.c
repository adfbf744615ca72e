// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints themselves. <trace/define_trace.h> reads the header again by
 * the path that <trace/events/> is found by, in this tree as in a kernel's.
 */
#define CREATE_TRACE_POINTS
#include <trace/events/twq.h>

#include "state.h"

/* What the header tells of the state word without knowing state.h. */
static_assert(TWQ_CPU_SHIFT == 16 && TWQ_KILLED == 0x0008);
