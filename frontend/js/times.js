// @ts-check
// Times as 09:04, dates as Mon 23 Nov, in the time zone of the course they belong to.
import { locale, t } from "./texts.js";

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string | undefined} zone @param {Intl.DateTimeFormatOptions} options */
function format(zone, options) {
  const key = JSON.stringify([zone, options]);
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.DateTimeFormat(locale, { timeZone: zone, ...options })));
  return found;
}

/** "09:04". @param {string | Date | null | undefined} moment ISO 8601 @param {string} [zone] default: the browser's */
export function clock(moment, zone) {
  return moment ? format(zone, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(moment)) : "";
}

/** "Mon 23 Nov"; with the year when it is another one. @param {string | Date | null | undefined} moment @param {string} [zone] */
export function day(moment, zone) {
  if (!moment) return "";
  const date = new Date(moment);
  const parts = format(zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" }).formatToParts(date);
  /** @param {string} type */
  const part = (type) => parts.find((each) => each.type === type)?.value ?? "";
  const year = part("year") === String(new Date().getFullYear()) ? "" : ` ${part("year")}`;
  return `${part("weekday")} ${part("day")} ${part("month").slice(0, 3)}${year}`;
}

/** "Mon 23 Nov" of a calendar day such as 2026-11-23. @param {string | null | undefined} date */
export function calendarDay(date) {
  return date ? day(`${date}T12:00:00Z`, "UTC") : "";
}

/** "Mon 23 Nov, 09:04". @param {string | Date | null | undefined} moment @param {string} [zone] */
export function dayAndClock(moment, zone) {
  return moment ? `${day(moment, zone)}, ${clock(moment, zone)}` : "";
}

/** "09:00–10:30". @param {string} from @param {string} to @param {string} [zone] */
export function span(from, to, zone) {
  return `${clock(from, zone)}–${clock(to, zone)}`;
}

/** "just now", "4 minutes ago", then the day and time. @param {string | Date} moment @param {string} [zone] */
export function ago(moment, zone) {
  const minutes = Math.floor((Date.now() - new Date(moment).getTime()) / 60000);
  if (minutes < 1) return t("time.now");
  if (minutes < 60) return t("time.minutes_ago", { n: minutes });
  return dayAndClock(moment, zone);
}

/** Where this browser is, such as "Europe/Berlin". */
export function ownZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The time zones there are, and `mine`, which the browser's list may know by another name, or, as UTC, not at all. @param {string} mine */
export function zonesWith(mine) {
  return [...new Set([mine, "UTC", ...Intl.supportedValuesOf("timeZone")])].sort();
}

/** Today as 2026-11-23. @param {string} [zone] */
export function today(zone) {
  return isoDay(new Date(), zone);
}

/** @param {Date} date @param {string} [zone] */
export function isoDay(date, zone) {
  const parts = format(zone, { year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(date);
  /** @param {string} type */
  const part = (type) => parts.find((each) => each.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}`;
}

/** The moment at which it is `time` (09:00) on `date` (2026-11-23) in `zone`, ISO 8601 UTC. Of a time that a change of
 * clocks leaves out, the one an hour later. @param {string} date @param {string} time @param {string} zone */
export function momentOf(date, time, zone) {
  const wanted = Date.parse(`${date}T${time}:00Z`);
  let found = wanted;
  for (let round = 0; round < 2; round += 1) found += wanted - shownIn(found, zone);
  return new Date(found).toISOString();
}

/** What a clock in `zone` shows at `moment`, as if it were UTC. @param {number} moment @param {string} zone */
function shownIn(moment, zone) {
  const options = /** @type {Intl.DateTimeFormatOptions} */ ({
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });
  const parts = format(zone, options).formatToParts(new Date(moment));
  /** @param {string} type */
  const part = (type) => Number(parts.find((each) => each.type === type)?.value);
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}

/** "92 %", "100 %", "–" when there is nothing to count. @param {number | null | undefined} value @param {number} [digits] */
export function percent(value, digits = 0) {
  if (value === null || value === undefined) return "–";
  // rounded down, so that what is below a minimum never looks as if it reached it
  const power = 10 ** digits;
  return `${(Math.floor(value * power + 1e-9) / power).toFixed(digits)} %`;
}
