// @ts-check
// One account: name, address and role; another link; letting them in no more, or again; their keys.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { usePages } from "../../loading.js";
import { me } from "../../state.js";
import { t } from "../../texts.js";
import { Dialog, confirm } from "../dialog.js";
import { Field, Form } from "../form.js";
import { Shown } from "../page.js";
import { toast, toastProblem } from "../toast.js";
import { TokenTable, isOver } from "../tokens/token_table.js";
import { OneTimeLink } from "./invite.js";
import { RoleField } from "./role_field.js";

/** @param {{user: Api.User, changed: () => unknown, onClose: () => void}} props */
export function UserDialog({ user: given, changed, onClose }) {
  const [user, setUser] = useState(given);
  const [conflict, setConflict] = useState(false);
  const [link, setLink] = useState(/** @type {Api.Link | null} */ (null));
  const isMe = user.id === me.value?.id;

  /** @param {Record<string, any>} values */
  const save = async (values) => {
    try {
      await api.patch(`/users/${user.id}`, values, { version: user.version });
    } catch (problem) {
      if (!(problem instanceof api.Problem) || problem.status !== 412) throw problem;
      setUser(await api.get(`/users/${user.id}`));
      setConflict(true);
      return;
    }
    changed();
    onClose();
    toast(t("users.saved", { name: values.name }));
  };
  /** @param {() => Promise<any>} act */
  const attempt = async (act) => {
    try {
      await act();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const disable = async () => {
    if (!await confirm({ title: t("users.disable_title", { name: user.name }), text: html`<p>${t("users.disable_text")}</p>`, action: t("users.disable"), danger: true })) return;
    await attempt(async () => {
      setUser(await api.post(`/users/${user.id}/disable`));
      setLink(null);
      changed();
    });
  };
  const enable = () => attempt(async () => {
    setUser(await api.post(`/users/${user.id}/enable`));
    changed();
  });
  const makeLink = () => attempt(async () => setLink(await api.post(`/users/${user.id}/reset-link`)));

  return html`<${Dialog} title=${user.name} onClose=${onClose}>
    ${conflict && html`<div class="note warn" role="alert"><p>${t("users.conflict")}</p></div>`}
    <div key=${user.version}><${Form} onSubmit=${save} submit=${t("users.save")}>
      <${Field} label=${t("users.name")} name="name" required maxlength="200" autocomplete="off" defaultValue=${user.name} />
      <${Field} label=${t("login.email")} name="email" type="email" required autocomplete="off" defaultValue=${user.email} />
      <${RoleField} role=${user.role} mayCreateCourses=${user.may_create_courses} disabled=${isMe} />
    </${Form}></div>
    <section class="part"><h3>${t("users.access")}</h3>
      ${link && html`<${OneTimeLink} link=${link} />`}
      <p class="quiet small">${t(user.disabled_at ? "users.is_disabled" : user.has_password ? "users.has_password" : "users.has_none")}</p>
      <div class="actions start">
        ${!user.disabled_at && html`<button type="button" class="secondary small" onClick=${makeLink}>${t(user.has_password ? "users.reset" : "users.invite_again")}</button>`}
        ${!isMe && (user.disabled_at
          ? html`<button type="button" class="secondary small" onClick=${enable}>${t("users.enable")}</button>`
          : html`<button type="button" class="secondary small danger" onClick=${disable}>${t("users.disable")}</button>`)}
      </div></section>
    <${TheirTokens} key=${user.disabled_at} user=${user} />
  </${Dialog}>`;
}

/** @param {{user: Api.User}} props */
function TheirTokens({ user }) {
  const path = `/users/${user.id}/tokens`;
  const tokens = usePages(path, { limit: 100 });
  return html`<${Shown} from=${tokens} rows=${1}>${(/** @type {Api.TokenPage} */ data) => {
    const good = data.items.filter((token) => !isOver(token));
    return good.length > 0 && html`<section class="part"><h3>${t("tokens.title")}</h3><${TokenTable} tokens=${good} path=${path} changed=${tokens.reload} /></section>`;
  }}</${Shown}>`;
}
