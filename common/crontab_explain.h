/*
 * crontab_explain: which times the fields of crontab(5) name, in words.
 */
#ifndef PYPE_CRONTAB_EXPLAIN_H
#define PYPE_CRONTAB_EXPLAIN_H

#include "common/crontab.h"
#include "common/text.h"

/*
 * A line for each field, appended to text: "hour: 9-17"; "day of month: 1, the last working day"; and one that says how the two day
 * fields go together, if both say something.
 */
void crontab_explain(const struct crontab *crontab, struct text *text);

#endif
