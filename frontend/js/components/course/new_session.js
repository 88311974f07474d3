// @ts-check
import { html } from "../../lib.js";
import * as api from "../../api.js";
import { day, today } from "../../times.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Form } from "../form.js";
import { toast } from "../toast.js";
import { momentsOf, SessionTimes } from "./session_times.js";

/** A session besides the schedule. @param {{course: Api.Course, added: () => unknown, onClose: () => void}} props */
export function NewSession({ course, added, onClose }) {
  const zone = course.timezone ?? "UTC";
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    const made = await api.post(`/courses/${course.id}/sessions`, momentsOf(values, zone));
    onClose();
    await added();
    toast(t("session.added", { day: day(made.starts_at, zone) }));
  };
  return html`<${Dialog} title=${t("sessions.add")} onClose=${onClose}>
    <${Form} onSubmit=${submitted} submit=${t("session.add")}>
      <${SessionTimes} zone=${zone} times=${{ title: "", date: today(zone), start: "09:00", end: "10:30", late: Math.round((course.late_after_s ?? 0) / 60) }} />
    </${Form}>
  </${Dialog}>`;
}
