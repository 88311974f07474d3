// @ts-check
// Which screen an address opens; each is fetched when it is first needed.

/** @type {import("./types.js").Route[]} */
export const ROUTES = [
  { path: "/redeem/:secret", load: () => import("./pages/redeem.js"), open: true, bare: true },
  { path: "/kiosk", load: () => import("./pages/kiosk.js"), open: true, bare: true },
  { path: "/", load: () => import("./pages/today.js") },
  { path: "/courses", load: () => import("./pages/courses.js") },
  { path: "/courses/:id", load: () => import("./pages/course.js") },
  { path: "/sessions/:id/live", load: () => import("./pages/live.js"), roles: ["admin", "instructor"], bare: true },
  { path: "/courses/:id/import", load: () => import("./pages/course_import.js"), roles: ["admin", "instructor"] },
  { path: "/review", load: () => import("./pages/review.js"), roles: ["admin", "instructor"] },
  { path: "/students", load: () => import("./pages/students.js") },
  { path: "/students/:id/capture", load: () => import("./pages/capture.js"), roles: ["admin", "instructor"], bare: true },
  { path: "/students/:id", load: () => import("./pages/student.js") },
  { path: "/reports", load: () => import("./pages/reports.js") },
  { path: "/reports/courses/:id", load: () => import("./pages/course_report.js") },
  { path: "/reports/students/:id", load: () => import("./pages/student_report.js") },
  { path: "/reports/sessions/:id", load: () => import("./pages/session_report.js") },
  { path: "/sessions/:id", load: () => import("./pages/sheet.js") },
  { path: "/account", load: () => import("./pages/account.js") },
  { path: "/training", load: () => import("./pages/training.js"), roles: ["admin"] },
  { path: "/audit", load: () => import("./pages/audit.js"), roles: ["admin"] },
  { path: "/privacy", load: () => import("./pages/privacy.js"), roles: ["admin"] },
  { path: "/settings", load: () => import("./pages/settings.js"), roles: ["admin"] },
  { path: "/users", load: () => import("./pages/users.js"), roles: ["admin"] },
];

/** Whether an address such as "/courses" leads to a screen. @param {string} address */
export function isThere(address) {
  return ROUTES.some((route) => route.path === address);
}
