// @ts-check
// The sessions in a calendar program: a file of this course, or a secret address that follows all of one's courses.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { useGet } from "../../loading.js";
import { dayAndClock } from "../../times.js";
import { t } from "../../texts.js";
import { confirm } from "../dialog.js";
import { Icon } from "../icon.js";
import { Shown } from "../page.js";
import { Secret } from "../secret.js";
import { toast, toastProblem } from "../toast.js";

/** @param {{course: Api.Course}} props */
export function Calendar({ course }) {
  const feeds = useGet("/calendar/feeds");
  const [made, setMade] = useState(/** @type {Api.NewFeed | null} */ (null));
  const make = async () => {
    try {
      setMade(await api.post("/calendar/feeds"));
      await feeds.reload();
    } catch (problem) {
      toastProblem(problem);
    }
  };
  /** @param {Api.Feed} feed */
  const revoke = async (feed) => {
    if (!await confirm({ title: t("calendar.revoke_title"), text: html`<p>${t("calendar.revoke_text")}</p>`, action: t("calendar.revoke"), danger: true })) return;
    try {
      await api.remove(`/calendar/feeds/${feed.id}`);
      if (made?.id === feed.id) setMade(null);
      toast(t("calendar.revoked"));
    } catch (problem) {
      toastProblem(problem);
    }
    await feeds.reload();
  };
  return html`<section>
    <h2>${t("calendar.title")}</h2>
    <p class="quiet measure">${t("calendar.text")}</p>
    ${made && html`<${Secret} title=${t("calendar.once_title")} text=${t("calendar.once_text")} label=${t("calendar.address")} value=${made.url} copied=${t("calendar.copied")} />`}
    <${Shown} from=${feeds} rows=${1}>${(/** @type {Api.Feed[]} */ list) => list.length > 0 && html`<ul class="plain-list framed">${list.map((feed) => html`<li key=${feed.id}>
      <span>${t("calendar.made", { when: dayAndClock(feed.created_at) })}</span>
      <button type="button" class="link" aria-label=${t("calendar.revoke_of", { when: dayAndClock(feed.created_at) })} onClick=${() => revoke(feed)}>${t("calendar.revoke")}</button></li>`)}</ul>`}</${Shown}>
    <div class="actions">
      <button type="button" class="secondary" onClick=${make}><${Icon} name="plus" />${t("calendar.make")}</button>
      <a role="button" class="secondary" href=${api.addressOf(`/courses/${course.id}/calendar.ics`)} download><${Icon} name="download" />${t("calendar.file")}</a>
    </div>
  </section>`;
}
