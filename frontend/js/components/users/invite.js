// @ts-check
// Making an account: its owner chooses the password with a link, which the admin hands on.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { dayAndClock } from "../../times.js";
import { t } from "../../texts.js";
import { Dialog } from "../dialog.js";
import { Field, Form } from "../form.js";
import { Secret } from "../secret.js";
import { RoleField } from "./role_field.js";

/** @param {{invited: () => unknown, onClose: () => void}} props */
export function Invite({ invited, onClose }) {
  const [made, setMade] = useState(/** @type {Api.Invited | null} */ (null));
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    setMade(await api.post("/users", values));
    invited();
  };
  if (made) {
    return html`<${Dialog} title=${t("users.invited_title", { name: made.user.name })} onClose=${onClose}>
      <${OneTimeLink} link=${made.invitation} />
      <div class="actions"><button type="button" onClick=${onClose}>${t("users.done")}</button></div></${Dialog}>`;
  }
  return html`<${Dialog} title=${t("users.invite_title")} onClose=${onClose}>
    <${Form} onSubmit=${submitted} submit=${t("users.make_link")}>
      <${Field} label=${t("users.name")} name="name" required maxlength="200" autocomplete="off" autofocus />
      <${Field} label=${t("login.email")} name="email" type="email" required autocomplete="off" />
      <${RoleField} role="instructor" />
    </${Form}></${Dialog}>`;
}

/** @param {{link: Api.Link}} props */
export function OneTimeLink({ link }) {
  return html`<${Secret} title=${t(`users.link_${link.purpose}`)} text=${t("users.link_text", { when: dayAndClock(link.expires_at) })} label=${t("users.link")} value=${link.link} />`;
}
