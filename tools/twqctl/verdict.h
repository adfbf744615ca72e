/* SPDX-License-Identifier: GPL-2.0 */
/* What the load promises, what came of it, and how it is reported. */
#ifndef TWQCTL_VERDICT_H
#define TWQCTL_VERDICT_H

#include <jansson.h>

#include "load.h"

/**
 * struct verdict - the outcome of a load that is over
 * @ledger: the file's, taken at rest
 * @totals: what the workers counted
 * @still_armed: checks that have a deadline yet
 * @lost: checks of which no event came after re-arming had ended
 * @residents: what the residents told
 * @rehomed: tasks that CPU hotplug has moved
 * @fire_late: deadline to fired
 * @read_late: fired to read
 * @broken: JSON array of messages, one for each broken promise
 */
struct verdict {
	struct twq_ledger ledger;
	struct load_totals totals;
	unsigned long long still_armed;
	unsigned long long lost;
	struct residents_summary residents;
	uint64_t rehomed;
	struct samples_summary fire_late;
	struct samples_summary read_late;
	json_t *broken;
};

/* Returns 0, or -errno when the device did not answer (said on stderr). */
int verdict_reach(struct load *load, struct verdict *verdict);

/* report.c */
void report_text(const struct load *load, const struct verdict *verdict);
void report_json(const struct load *load, const struct verdict *verdict);

#endif /* TWQCTL_VERDICT_H */
