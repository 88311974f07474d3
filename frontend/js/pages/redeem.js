// @ts-check
// A one-time link: the first admin, an invitation, or another password.
import { html } from "../lib.js";
import * as api from "../api.js";
import { useLoaded } from "../loading.js";
import { go } from "../router.js";
import { logIn } from "../state.js";
import { dayAndClock } from "../times.js";
import { t } from "../texts.js";
import { Brand } from "../components/icon.js";
import { Field, Form } from "../components/form.js";
import { Shown } from "../components/page.js";

/** @param {{secret: string}} props */
export default function Redeem({ secret }) {
  const link = useLoaded((signal) => api.post("/auth/link", { secret }, { signal, quiet: true }), [secret]);
  return html`<main class="page narrow login" id="main">
    <p class="brand"><${Brand} /> SmartAttendance</p>
    <article class="card"><${Shown} from=${link}>${(/** @type {any} */ found) => html`<${Choose} link=${found} secret=${secret} />`}</${Shown}>
      ${link.problem && html`<p><a href="#/">${t("redeem.to_login")}</a></p>`}
    </article>
  </main>`;
}

/** @param {{link: any, secret: string}} props */
function Choose({ link, secret }) {
  const isSetup = link.purpose === "setup";
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    if (values.password !== values.again) throw new api.Problem(422, "invalid", t("redeem.differ"), { errors: [{ field: "again", message: t("redeem.differ") }] });
    const person = isSetup ? { email: values.email, name: values.name } : {};
    const found = await api.post("/auth/redeem", { secret, password: values.password, ...person }, { quiet: true });
    go("/");
    logIn(found);
  };
  return html`<h1>${t(`redeem.${link.purpose}_title`)}</h1>
    <p>${t(`redeem.${link.purpose}_text`, { name: link.name ?? "" })}</p>
    <${Form} onSubmit=${submitted} submit=${t(`redeem.${link.purpose}_submit`)}>
      ${isSetup && html`<${Field} label=${t("redeem.name")} name="name" autocomplete="name" required maxlength="200" />`}
      <${Field} label=${t("login.email")} name="email" type="email" autocomplete="username" required readonly=${!isSetup} defaultValue=${link.email ?? ""} />
      <${Field} label=${t("redeem.password")} name="password" type="password" autocomplete="new-password" minlength="12" required hint=${t("redeem.password_hint")} />
      <${Field} label=${t("redeem.again")} name="again" type="password" autocomplete="new-password" required />
    </${Form}>
    <p class="quiet small">${t("redeem.until", { when: dayAndClock(link.expires_at) })}</p>`;
}
