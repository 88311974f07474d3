// @ts-check
// One's own account: the password, and keys for programs.
import { html } from "../lib.js";
import * as api from "../api.js";
import { me } from "../state.js";
import { t } from "../texts.js";
import { Field, Form } from "../components/form.js";
import { Page } from "../components/page.js";
import { toast } from "../components/toast.js";
import { Tokens } from "../components/tokens/tokens.js";

export default function Account() {
  const person = me.value;
  return html`<${Page} title=${t("account.title")} lead=${`${person?.name} · ${person?.email} · ${t(`role.${person?.role}`)}`}>
    <p class="measure">${t(`account.role_${person?.role}`)} <span class="quiet">${t("account.who_changes")}</span></p>
    <section><h2>${t("account.password")}</h2><${Password} /></section>
    <section><h2>${t("tokens.title")}</h2><${Tokens} /></section>
  </${Page}>`;
}

function Password() {
  /** @param {Record<string, any>} values @param {HTMLFormElement} form */
  const submitted = async (values, form) => {
    if (values.new_password !== values.again) throw new api.Problem(422, "invalid", t("redeem.differ"), { errors: [{ field: "again", message: t("redeem.differ") }] });
    await api.put("/auth/password", { old_password: values.old_password, new_password: values.new_password });
    form.reset();
    toast(t("account.changed"));
  };
  return html`<div class="card measure form-card"><p class="quiet">${t("account.password_text")}</p>
    <${Form} onSubmit=${submitted} submit=${t("account.change")}>
      <input class="visually-hidden" type="text" autocomplete="username" readonly tabindex="-1" aria-hidden="true" value=${me.value?.email} />
      <${Field} label=${t("account.old")} name="old_password" type="password" autocomplete="current-password" required />
      <${Field} label=${t("account.new")} name="new_password" type="password" autocomplete="new-password" minlength="12" required hint=${t("redeem.password_hint")} />
      <${Field} label=${t("account.again")} name="again" type="password" autocomplete="new-password" required />
    </${Form}></div>`;
}
