// @ts-check
// What the key of a program may be allowed to do: a line for each kind of thing, to see it and to change it.

/** @typedef {{name: string, see?: string, change?: string, admin?: boolean}} Area */

/** @type {Area[]} */
export const AREAS = [
  { name: "courses", see: "courses:read", change: "courses:write" },
  { name: "people", see: "people:read", change: "people:write" },
  { name: "faces", see: "faces:read", change: "faces:write" },
  { name: "attendance", see: "attendance:read", change: "attendance:write" },
  { name: "frames", change: "frames:write" },
  { name: "reports", see: "reports:read" },
  { name: "model", see: "model:read", change: "model:write" },
  { name: "admin", see: "admin:read", change: "admin:write", admin: true },
];

/** What programs are usually for. @type {Record<string, string[]>} */
export const PURPOSES = {
  camera: ["attendance:read", "attendance:write", "courses:read", "frames:write"],
  reports: ["attendance:read", "courses:read", "people:read", "reports:read"],
  roster: ["courses:read", "courses:write", "people:read", "people:write"],
};
