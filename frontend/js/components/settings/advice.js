// @ts-check
// What is worth a look among the settings, before somebody misses the camera or a login. The server's own
// `python app.py doctor` looks at more: folders, disk, database, weights, speed.
import { t } from "../../texts.js";

/** @typedef {{key: string, variable: string, text: string}} Advice */

/** @param {string} address */
function isSafe(address) {
  const { protocol, hostname } = new URL(address);
  return protocol === "https:" || hostname === "localhost" || hostname === "[::1]" || hostname.endsWith(".localhost") || hostname.startsWith("127.");
}

/** @param {Api.Setting[]} settings @param {{origin: string}} page where it is open @returns {Advice[]} */
export function adviceOf(settings, page) {
  const value = (/** @type {string} */ name) => settings.find((each) => each.variable === name)?.value ?? "";
  /** @type {Advice[]} */
  const found = [];
  /** @param {string} key @param {string} variable */
  const add = (key, variable) => found.push({ key, variable, text: t(`server.advice_${key}`) });
  const address = value("SMARTATTENDANCE_PUBLIC_URL") || page.origin;
  if (!isSafe(address)) add("no_https", "SMARTATTENDANCE_PUBLIC_URL");
  if (address.startsWith("https:") && value("SMARTATTENDANCE_TRUSTED_PROXIES") === "0") add("no_proxy", "SMARTATTENDANCE_TRUSTED_PROXIES");
  if (value("SMARTATTENDANCE_CORS_ORIGINS").split(",").some((each) => each.trim() && !isSafe(each.trim()))) add("cors", "SMARTATTENDANCE_CORS_ORIGINS");
  if (value("SMARTATTENDANCE_CONFIRM_SIGHTINGS") === "1") add("one_sighting", "SMARTATTENDANCE_CONFIRM_SIGHTINGS");
  if (Number(value("SMARTATTENDANCE_REVIEW_CROP_DAYS")) > 31) add("long_crops", "SMARTATTENDANCE_REVIEW_CROP_DAYS");
  if (value("SMARTATTENDANCE_EMBEDDER") === "facenet" && !value("SMARTATTENDANCE_FACENET_WEIGHTS") && value("SMARTATTENDANCE_ALLOW_DOWNLOAD") === "false") add("no_weights", "SMARTATTENDANCE_FACENET_WEIGHTS");
  return found;
}
