// @ts-check
import { html, useEffect, useState } from "../lib.js";
import * as api from "../api.js";
import { t } from "../texts.js";
import { Brand } from "../components/icon.js";
import { LoginForm } from "../components/login_form.js";

export default function Login() {
  const [needsAdmin, setNeedsAdmin] = useState(false);
  useEffect(() => {
    document.title = `${t("login.title")} · SmartAttendance`;
    // a server that does not answer says so when somebody logs in
    api.get("/auth/setup", undefined, { quiet: true }).then((found) => setNeedsAdmin(found.needs_admin), () => {});
  }, []);
  return html`<main class="page narrow login" id="main">
    <p class="brand"><${Brand} /> SmartAttendance</p>
    <article class="card">
      <h1>${t("login.title")}</h1>
      ${needsAdmin
        ? html`<p>${t("login.first_text")}</p><p class="quiet">${t("login.first_hint")} <code>python app.py setup-link</code></p>`
        : html`<${LoginForm} /><p class="quiet small">${t("login.forgotten")}</p>`}
    </article>
  </main>`;
}
