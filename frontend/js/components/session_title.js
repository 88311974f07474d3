// @ts-check
import { day, span } from "../times.js";

/** "Lecture 6, Mon 23 Nov, 09:00–10:30". @param {Api.Session} session */
export function whenOf(session) {
  const title = session.title ? `${session.title}, ` : "";
  return `${title}${day(session.starts_at, session.timezone)}, ${span(session.starts_at ?? "", session.ends_at ?? "", session.timezone)}`;
}
