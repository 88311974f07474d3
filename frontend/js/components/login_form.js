// @ts-check
import { html } from "../lib.js";
import * as api from "../api.js";
import { logIn } from "../state.js";
import { t } from "../texts.js";
import { Field, Form } from "./form.js";

/** E-mail address and password; logs in. @param {{email?: string}} props email: filled in, when it is known who it is */
export function LoginForm({ email }) {
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    logIn(await api.post("/auth/login", { email: values.email, password: values.password }, { quiet: true }));
  };
  return html`<${Form} onSubmit=${submitted} submit=${t("login.submit")}>
    <${Field} label=${t("login.email")} name="email" type="email" autocomplete="username" required defaultValue=${email} autofocus=${!email} />
    <${Field} label=${t("login.password")} name="password" type="password" autocomplete="current-password" required autofocus=${Boolean(email)} />
  </${Form}>`;
}
