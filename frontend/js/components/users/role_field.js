// @ts-check
import { html, useState } from "../../lib.js";
import { t } from "../../texts.js";
import { Checkbox, Field } from "../form.js";

const ROLES = /** @type {const} */ (["instructor", "viewer", "admin"]);

/** Choosing a role, and what it may do. @param {{role: string, mayCreateCourses?: boolean, disabled?: boolean}} props disabled: of oneself */
export function RoleField({ role, mayCreateCourses = false, disabled }) {
  const [chosen, setChosen] = useState(role);
  return html`<${Field} as="select" label=${t("users.role")} name="role" disabled=${disabled} hint=${disabled ? t("users.role_own") : t(`users.may_${chosen}`)}
    onChange=${(/** @type {any} */ event) => setChosen(event.target.value)}>
    ${ROLES.map((each) => html`<option value=${each} selected=${each === role}>${t(`role.${each}`)}</option>`)}</${Field}>
    ${chosen === "instructor" && html`<${Checkbox} label=${t("users.may_create_courses")} name="may_create_courses" defaultChecked=${mayCreateCourses} />`}`;
}
