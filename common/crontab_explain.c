#include "common/crontab_explain.h"

static const char *const months[] = {"",    "JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                     "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
static const char *const ordinals[] = {"last", "first", "second", "third", "fourth", "fifth"};

/* A list that is being written: what separates the next item. */
struct list {
	struct text *text;
	bool begun;
};

static void next_item(struct list *list)
{
	text_add_string(list->text, list->begun ? ", " : "");
	list->begun = true;
}

static void add_value(struct text *text, int value, const char *const *names)
{
	if (names)
		text_add_string(text, names[value]);
	else
		text_addf(text, "%d", value);
}

static bool has(const uint64_t *set, int bit)
{
	return set[bit / 64] >> bit % 64 & 1;
}

/* The members of a set from low to high, shifted by base: neighbours as A-B. */
static void add_set(struct list *list, const uint64_t *set, int low, int high, int base, const char *const *names)
{
	for (int from = low, to; from <= high; from = to + 1) {
		to = from;
		if (!has(set, from))
			continue;
		while (to < high && has(set, to + 1))
			to++;
		next_item(list);
		add_value(list->text, base + from, names);
		if (to > from) {
			text_add_string(list->text, to == from + 1 ? ", " : "-");
			add_value(list->text, base + to, names);
		}
	}
}

static bool is_full(const uint64_t *set, int low, int high)
{
	for (int i = low; i <= high; i++)
		if (!has(set, i))
			return false;
	return true;
}

/* A whole line for a field that is nothing but a set. */
static void explain_set(struct text *text, const char *name, const uint64_t *set, int low, int high, int base,
                        const char *const *names)
{
	struct list list = {.text = text};

	text_addf(text, "%s: ", name);
	if (is_full(set, low, high))
		text_add_string(text, "every");
	else
		add_set(&list, set, low, high, base, names);
	text_add_string(text, "\n");
}

static void explain_month_days(const struct crontab *crontab, struct text *text)
{
	struct list list = {.text = text};

	text_add_string(text, "day of month: ");
	if (is_full(&crontab->days, 1, 31)) {
		text_add_string(text, "every\n");
		return;
	}
	add_set(&list, &crontab->days, 1, 31, 0, NULL);
	for (int i = 0; i <= 30; i++)
		if (has(&crontab->days_to_last, i)) {
			next_item(&list);
			text_addf(text, i ? "%d before the last" : "the last", i);
		}
	for (int i = 0; i <= 31; i++)
		if (has(&crontab->workdays, i)) {
			next_item(&list);
			text_addf(text, i ? "the working day nearest to %d" : "the last working day", i);
		}
	text_add_string(text, "\n");
}

static void explain_weekdays(const struct crontab *crontab, struct text *text)
{
	struct list list = {.text = text};

	text_add_string(text, "weekday: ");
	if (is_full(&crontab->weekdays, 0, 6)) {
		text_add_string(text, "every\n");
		return;
	}
	add_set(&list, &crontab->weekdays, 0, 6, 0, weekdays);
	for (int i = 0; i < 42; i++)
		if (has(&crontab->nth_weekdays, i)) {
			next_item(&list);
			text_addf(text, "the %s %s", ordinals[i / 7], weekdays[i % 7]);
		}
	text_add_string(text, "\n");
}

void crontab_explain(const struct crontab *crontab, struct text *text)
{
	explain_set(text, "second", &crontab->seconds, 0, 59, 0, NULL);
	explain_set(text, "minute", &crontab->minutes, 0, 59, 0, NULL);
	explain_set(text, "hour", &crontab->hours, 0, 23, 0, NULL);
	explain_month_days(crontab, text);
	explain_set(text, "month", &crontab->months, 1, 12, 0, months);
	explain_weekdays(crontab, text);
	if (crontab->some_years)
		explain_set(text, "year", crontab->years, 0, CRONTAB_YEARS - 1, CRONTAB_YEAR, NULL);
	if (crontab->either_day)
		text_add_string(text, "days: those that match the day of month or the weekday\n");
	else if (!is_full(&crontab->days, 1, 31) && !is_full(&crontab->weekdays, 0, 6))
		text_add_string(text, "days: those that match both the day of month and the weekday\n");
}
