// @ts-check
// What is called the same on every screen.
export default {
  "band.fairly_sure": "fairly sure",
  "band.not_sure": "not sure",
  "band.sure": "sure",
  "marks.not_saved": "not saved yet",
  "marks.squares": { one: "{present} of {n} session attended", other: "{present} of {n} sessions attended" },
  "role.admin": "admin",
  "role.instructor": "instructor",
  "role.viewer": "viewer",
  "session_state.cancelled": "cancelled",
  "session_state.closed": "closed",
  "session_state.locked": "locked",
  "session_state.open": "open",
  "session_state.scheduled": "to come",
  "status.absent": "absent",
  "status.excused": "excused",
  "status.late": "late",
  "status.left_early": "left early",
  "status.present": "present",
  "status.unmarked": "not seen yet",
};
