// @ts-check
// A file on its way to the API: what is refused before it is sent, and sending it.
import * as api from "../../api.js";
import { t } from "../../texts.js";

const MOST_BYTES = 5 * 2 ** 20;
const LONG_MS = 120000; // thousands of students take a while on a small machine

/** Throws Problem, with what to do, for a file that cannot be a list of students. Content decides, as some systems call text .xls. @param {File} file */
export async function check(file) {
  /** @param {string} key @param {Record<string, string | number>} [values] */
  const refuse = (key, values) => new api.Problem(422, key, t(`import.${key}`, values));
  if (file.size === 0) throw refuse("file_empty", { name: file.name });
  const start = new Uint8Array(await contentOf(file.slice(0, 8), file.name));
  const begins = (/** @type {number[]} */ ...bytes) => bytes.every((byte, index) => start[index] === byte);
  if (begins(0xd0, 0xcf, 0x11, 0xe0) || /\.(ods|numbers)$/i.test(file.name)) throw refuse("file_workbook", { name: file.name });
  if (begins(0x25, 0x50, 0x44, 0x46) || begins(0x89, 0x50, 0x4e, 0x47) || begins(0xff, 0xd8)) throw refuse("file_other", { name: file.name });
  if (file.size > MOST_BYTES) throw refuse("file_large", { name: file.name, size: (file.size / 2 ** 20).toFixed(1) });
}

/** @param {Api.Course} course @param {File} file @param {import("../../pages/course_import.js").Reading} [how] @returns {Promise<Api.RosterPreview>} */
export function preview(course, file, how = {}) {
  return send(`/courses/${course.id}/roster/preview`, file, how);
}

/**
 * @param {Api.Course} course @param {File} file
 * @param {{reading: import("../../pages/course_import.js").Reading, mapping: Record<string, number>, endMissing: boolean, skipOthers: boolean, defaultStart: string, dryRun: boolean}} options
 * @returns {Promise<Api.RosterReport>}
 */
export function bring(course, file, { reading, mapping, endMissing, skipOthers, defaultStart, dryRun }) {
  return send(`/courses/${course.id}/roster/import`, file, { ...reading, ...mapping, end_missing: endMissing, skip_others: skipOthers, default_start: defaultStart, dry_run: dryRun });
}

/** @param {string} path @param {File} file @param {Record<string, any>} query */
async function send(path, file, query) {
  return api.request("POST", path, { query, body: await contentOf(file, file.name), type: "text/csv", timeout: LONG_MS });
}

/** @param {Blob} part @param {string} name of the file */
async function contentOf(part, name) {
  try {
    return await part.arrayBuffer();
  } catch {
    throw new api.Problem(422, "file_changed", t("import.file_changed", { name }));
  }
}
