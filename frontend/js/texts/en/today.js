// @ts-check
export default {
  "today.decide": "Decide",
  "today.faces": { one: "{n} face to decide", other: "{n} faces to decide" },
  "today.go_on": "Go on",
  "today.none_text": "Sessions appear here on their day. A course's schedule makes them, or you add one.",
  "today.none_title": "No session today",
  "today.none_viewer": "Sessions of your courses appear here on their day.",
  "today.open": "Open now",
  "today.requests": "Students to enrol",
  "today.review": "Needs a decision",
  "today.session": "Session",
  "today.sheet": "Sheet",
  "today.start": "Start",
  "today.title": "Today",
  "today.to_courses": "Go to your courses",
  "today.to_roster": "Look at the roster",
  "today.today": "Today's sessions",
};
