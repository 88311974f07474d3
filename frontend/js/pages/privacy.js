// @ts-check
// Privacy at a glance: consents, what is kept for how long, what was erased.
import { html } from "../lib.js";
import { getAll, useGet, useLoaded, usePages } from "../loading.js";
import { t } from "../texts.js";
import { Page, Shown } from "../components/page.js";
import { Erasures } from "../components/privacy/erasures.js";
import { Numbers } from "../components/privacy/numbers.js";
import { Retention } from "../components/privacy/retention.js";

export default function PrivacyPage() {
  const numbers = useGet("/privacy/consents");
  const retention = useGet("/privacy/retention");
  const erasures = usePages("/privacy/erasures", { limit: 20 });
  const people = useLoaded(async (signal) => new Map((await getAll("/users", {}, signal)).map((user) => [user.id, user.name])), []);
  return html`<${Page} title=${t("privacy.title")} lead=${t("privacy.lead")}>
    <section><h2>${t("privacy.consents")}</h2><${Shown} from=${numbers} rows=${3}>${(/** @type {Api.ConsentNumbers} */ data) => html`<${Numbers} numbers=${data} />`}</${Shown}></section>
    <section><h2>${t("privacy.retention")}</h2><${Shown} from=${retention} rows=${5}>${(/** @type {Api.Retention} */ data) => html`<${Retention} retention=${data} changed=${retention.reload} />`}</${Shown}></section>
    <section><h2>${t("privacy.erasures")}</h2><${Shown} from=${erasures} rows=${3}>${() => html`<${Erasures} erasures=${erasures} names=${people.data ?? new Map()} />`}</${Shown}></section>
  </${Page}>`;
}
