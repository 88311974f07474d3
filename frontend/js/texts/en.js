// @ts-check
// Everything that the page says in English, by screen. A translation has the same keys.
import shell from "./en/shell.js";
import words from "./en/words.js";
import kiosk from "./en/kiosk.js";
import live from "./en/live.js";
import login from "./en/login.js";
import course from "./en/course.js";
import courses from "./en/courses.js";
import capture from "./en/capture.js";
import reports from "./en/reports.js";
import review from "./en/review.js";
import sheet from "./en/sheet.js";
import students from "./en/students.js";
import today from "./en/today.js";
import training from "./en/training.js";
import audit from "./en/audit.js";
import privacy from "./en/privacy.js";
import serverSettings from "./en/server_settings.js";
import users from "./en/users.js";

/** @type {Record<string, import("../texts.js").Text>} */
export default { ...shell, ...words, ...kiosk, ...live, ...login, ...course, ...courses, ...reports, ...review, ...sheet, ...students, ...capture, ...today, ...training, ...audit, ...privacy, ...serverSettings, ...users };
