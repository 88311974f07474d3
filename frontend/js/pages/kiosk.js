// @ts-check
// The kiosk: a device at the door that greets whoever it knows by first name, shows nobody's list, and ends by its PIN.
import { html, useEffect } from "../lib.js";
import { usePages } from "../loading.js";
import * as api from "../api.js";
import { becomeKiosk, isStaff, kioskSecret, me } from "../state.js";
import { t } from "../texts.js";
import { Door } from "../components/kiosk/door.js";
import { Brand } from "../components/icon.js";
import { Field, Form } from "../components/form.js";
import { Empty, Shown, Skeleton } from "../components/page.js";
import Login from "./login.js";

export default function KioskPage() {
  useEffect(() => {
    document.title = `${t("kiosk.title")} · SmartAttendance`;
  }, []);
  if (kioskSecret.value) return html`<${Door} secret=${kioskSecret.value} />`;
  if (me.value === undefined) return html`<main class="page" id="main"><${Skeleton} /></main>`;
  if (me.value === null) return html`<${Login} />`;
  return html`<main class="page narrow login" id="main">
    <p class="brand"><${Brand} /> SmartAttendance</p>
    <article class="card"><h1>${t("kiosk.set_up")}</h1><p>${t(isStaff.value ? "kiosk.text" : "kiosk.not_yours")}</p>${isStaff.value && html`<${SetUp} />`}</article>
    <p><a href="#/">${t("kiosk.back")}</a></p>
  </main>`;
}

function SetUp() {
  const courses = usePages("/courses", { archived: false });
  /** @param {Record<string, any>} values */
  const submitted = async (values) => {
    if (values.pin !== values.again) throw new api.Problem(422, "invalid", t("kiosk.differ"), { errors: [{ field: "again", message: t("kiosk.differ") }] });
    const made = await api.post(`/courses/${values.course}/kiosks`, { name: values.name, pin: values.pin, expires_in_days: Number(values.days) });
    await becomeKiosk(made.secret);
    document.documentElement.requestFullscreen?.().catch(() => {});
  };
  return html`<${Shown} from=${courses}>${(/** @type {{items: Api.Course[]}} */ data) => data.items.length === 0
    ? html`<${Empty} title=${t("kiosk.no_course")} text=${t("kiosk.no_course_text")} />`
    : html`<${Form} onSubmit=${submitted} submit=${t("kiosk.begin")}>
      <${Field} as="select" label=${t("kiosk.course")} name="course">${data.items.map((/** @type {any} */ course) => html`<option value=${course.id}>${course.code} · ${course.title}</option>`)}</${Field}>
      <${Field} label=${t("kiosk.name")} name="name" required maxlength="100" placeholder=${t("kiosk.name_hint")} />
      <${Field} as="select" label=${t("kiosk.days")} name="days">${[1, 7, 30, 180].map((days) => html`<option value=${days}>${t("kiosk.n_days", { n: days })}</option>`)}</${Field}>
      <div class="fields">
        <${Field} label=${t("kiosk.pin")} name="pin" type="password" inputmode="numeric" pattern="[0-9]{4,12}" required autocomplete="off" hint=${t("kiosk.pin_hint")} />
        <${Field} label=${t("kiosk.again")} name="again" type="password" inputmode="numeric" required autocomplete="off" />
      </div>
    </${Form}>`}</${Shown}>`;
}
