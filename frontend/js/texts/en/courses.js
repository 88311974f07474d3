// @ts-check
export default {
  "courses.archive": "Archived courses",
  "courses.code": "Code",
  "courses.code_hint": "Such as CS-101",
  "courses.late_after": "Late from this minute on",
  "courses.make": "Make the course",
  "courses.minimum": "Attendance needed, in percent",
  "courses.name": "Title",
  "courses.new": "New course",
  "courses.none_archived": "No course is archived",
  "courses.none_text": "A course has a roster and a schedule. Make the first one.",
  "courses.none_title": "No course yet",
  "courses.none_viewer": "You see the courses whose staff you are on. Ask an admin to add you to one.",
  "courses.term": "Term",
  "courses.term_hint": "Such as 2026W",
  "courses.timezone": "Time zone",
  "courses.title": "Courses",
};
