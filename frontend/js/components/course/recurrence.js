// @ts-check
// Rules by which a course meets, as days: what a rule of the API says, and what one that is being made would give.
import { t } from "../../texts.js";
import { isoDay } from "../../times.js";

export const WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const DAY_MS = 86400000;

/**
 * @typedef {Object} Weekly
 * @property {string[]} weekdays of WEEKDAYS, in their order
 * @property {number} interval every so many weeks
 */

/** The simple form of a rule, or null when it is another kind. @param {string} rrule @returns {Weekly | null} */
export function weeklyOf(rrule) {
  const parts = new Map(rrule.split(";").map((part) => /** @type {[string, string]} */ (part.split("="))));
  const weekdays = (parts.get("BYDAY") ?? "").split(",");
  const isSimple = parts.get("FREQ") === "WEEKLY" && weekdays.every((each) => WEEKDAYS.includes(each))
    && [...parts.keys()].every((name) => ["FREQ", "BYDAY", "INTERVAL"].includes(name));
  return isSimple ? { weekdays: WEEKDAYS.filter((each) => weekdays.includes(each)), interval: Number(parts.get("INTERVAL") ?? 1) } : null;
}

/** @param {Weekly} weekly */
export function rruleOf({ weekdays, interval }) {
  return `FREQ=WEEKLY;${interval > 1 ? `INTERVAL=${interval};` : ""}BYDAY=${weekdays.join(",")}`;
}

/** "Mon, Wed", "Mon, Wed of every second week", or the rule as it is. @param {string} rrule */
export function inWords(rrule) {
  const weekly = weeklyOf(rrule);
  if (!weekly) return rrule;
  const days = weekly.weekdays.map((each) => t(`weekday.${each}`)).join(", ");
  return weekly.interval === 1 ? days : t("schedule.every_weeks", { days, n: weekly.interval });
}

/** The days that a rule gives from `first` to `last`, both included, such as 2026-11-23.
 * @param {Weekly} weekly @param {string} first @param {string} last @returns {string[]} */
export function daysOf({ weekdays, interval }, first, last) {
  const start = Date.parse(`${first}T00:00:00Z`), end = Date.parse(`${last}T00:00:00Z`);
  if (!(start <= end) || end - start > 750 * DAY_MS) return [];
  // weeks begin on Monday, and are counted from the one of the first day
  const monday = start - ((new Date(start).getUTCDay() + 6) % 7) * DAY_MS;
  const days = [];
  for (let moment = start; moment <= end; moment += DAY_MS) {
    const since = Math.round((moment - monday) / DAY_MS);
    if (Math.floor(since / 7) % interval === 0 && weekdays.includes(WEEKDAYS[since % 7])) days.push(isoDay(new Date(moment), "UTC"));
  }
  return days;
}

/** `time` (09:00) some seconds later, on the clock. @param {string} time @param {number} seconds */
export function later(time, seconds) {
  const [hours, minutes] = time.split(":").map(Number);
  const total = (hours * 60 + minutes + Math.round(seconds / 60)) % 1440;
  return `${String(Math.floor(total / 60)).padStart(2, "0")}:${String(total % 60).padStart(2, "0")}`;
}
