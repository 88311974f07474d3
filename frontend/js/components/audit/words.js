// @ts-check
// What an event of the audit says, in words: the act, what it was done to, and what was noted with it.
import { isThere } from "../../routes.js";
import { hasText, t } from "../../texts.js";

/** Beginnings of actions by which one filters. */
export const KINDS = ["login.", "user.", "link.", "token.", "kiosk.", "course.", "roster.", "enrolment.", "student.", "consent.", "face.", "erasure.", "retention.", "schedule.", "session.", "frame.", "record.", "review.", "excuse.", "warning", "model.", "training.", "calendar."];
const LONGEST = 80; // characters of a value
const MOST = 8; // items of a list

/** @param {string} action such as "course.staff.put" */
export function actOf(action) {
  const name = action.replaceAll(".", "_");
  return hasText(`action.${name}`) ? t(`action.${name}`) : name.replaceAll("_", " ");
}

/** @param {Api.AuditEvent} event @param {Map<number, string>} names of users, by id */
export function objectOf({ object_type: type, object_id: id }, names) {
  const name = type === "user" ? names.get(Number(id)) : undefined;
  if (name) return name;
  const kind = hasText(`audit.of_${type}`) ? t(`audit.of_${type}`) : type.replaceAll("_", " ");
  return `${kind} ${id}`;
}

/** The screen of what it was done to, if there is one. @param {Api.AuditEvent} event @returns {string | null} */
export function screenOf({ object_type: type, object_id: id }) {
  const pages = /** @type {Record<string, [string, string]>} */ ({
    course: ["/courses/:id", `/courses/${id}`], session: ["/sessions/:id", `/sessions/${id}`], student: ["/students/:id", `/students/${id}`],
    model: ["/training", `/training?model=${encodeURIComponent(id)}`], training: ["/training", "/training?tab=trainings"],
  });
  const found = pages[type];
  return found && isThere(found[0]) ? `#${found[1]}` : null;
}

/** What was noted with it; empty values are left out. @param {Record<string, any>} data @returns {{label: string, value: string}[]} */
export function notesOf(data) {
  return Object.entries(data).map(([key, value]) => {
    const label = hasText(`audit.data_${key}`) ? t(`audit.data_${key}`) : key.replace(/_ids?$/, "").replaceAll("_", " ");
    return { label, value: shown(value, key) };
  }).filter((note) => note.value !== "");
}

/** @param {any} value @param {string} key @returns {string} */
function shown(value, key) {
  if (value === null || value === undefined || value === "") return "";
  if (typeof value === "boolean") return t(value ? "audit.yes" : "audit.no");
  if (Array.isArray(value)) return value.length > MOST ? `${value.slice(0, MOST).join(", ")} … (${value.length})` : value.join(", ");
  if (typeof value === "object") return Object.entries(value).map(([name, inner]) => `${name.replaceAll("_", " ")} ${shown(inner, name)}`).join(", ");
  const text = key.endsWith("sha256") ? String(value).slice(0, 12) : String(value).replaceAll("_", " ");
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
