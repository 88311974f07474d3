// @ts-check
// What there is to do now: open sessions first, then those of today, then faces to decide.
import { html, useEffect } from "../lib.js";
import * as api from "../api.js";
import { useEvery, useGet } from "../loading.js";
import { go } from "../router.js";
import { isThere } from "../routes.js";
import { countOf, sessionsToReview } from "../review/count.js";
import { isAdmin, isStaff, reviewCount } from "../state.js";
import { day, span } from "../times.js";
import { t } from "../texts.js";
import { Icon } from "../components/icon.js";
import { SessionState } from "../components/marks.js";
import { Empty, Page, Shown, Skeleton } from "../components/page.js";
import { toastProblem } from "../components/toast.js";

const LIVE = "/sessions/:id/live";

export default function Today() {
  const today = useGet("/sessions/today");
  useEvery(today.reload, 30);
  useEffect(() => {
    if (today.data) reviewCount.value = countOf(today.data);
  }, [today.data]);
  return html`<${Page} title=${t("today.title")} lead=${day(new Date())}>
    <${Shown} from=${today} skeleton=${html`<${Skeleton} rows=${3} height="5rem" />`}>${(/** @type {any} */ data) => html`<${Day} data=${data} />`}</${Shown}>
    ${isAdmin.value && html`<${Requests} />`}
  </${Page}>`;
}

/** Whom instructors want on their rosters: approved on the roster, where all of a course are seen. */
function Requests() {
  const requests = useGet("/enrolment-requests", { limit: 500 });
  useEvery(requests.reload, 30);
  /** @type {Record<number, {code: string, count: number}>} */
  const courses = {};
  for (const request of /** @type {Api.EnrolmentRequest[]} */ (requests.data?.items ?? [])) {
    courses[request.course_id] ??= { code: request.course_code, count: 0 };
    courses[request.course_id].count += 1;
  }
  const waiting = Object.entries(courses);
  return waiting.length > 0 && html`<section><h2>${t("today.requests")}</h2>
    ${waiting.map(([id, { code, count }]) => html`<article class="due" key=${id}><span class="when">${count}</span>
      <div class="what"><strong>${code}</strong><span class="quiet">${t("requests.title", { n: count })}</span></div>
      <div class="actions"><a role="button" class="secondary" href=${`#/courses/${id}`}>${t("today.to_roster")}</a></div></article>`)}
  </section>`;
}

/** @param {{data: any}} props */
function Day({ data }) {
  const open = new Set(data.open.map((/** @type {any} */ due) => due.session.id));
  const others = data.today.filter((/** @type {any} */ due) => !open.has(due.session.id));
  const toReview = sessionsToReview(data);
  // what is open or comes next has the filled button
  const next = others.find((/** @type {any} */ due) => due.session.state === "scheduled");
  return html`
    ${data.open.length > 0 && html`<section><h2>${t("today.open")}</h2>${data.open.map((/** @type {any} */ due) => html`<${Due} due=${due} first />`)}</section>`}
    <section><h2>${t("today.today")}</h2>
      ${others.length > 0
        ? others.map((/** @type {any} */ due) => html`<${Due} due=${due} first=${data.open.length === 0 && due === next} />`)
        : html`<${Empty} title=${t("today.none_title")} text=${t(isStaff.value ? "today.none_text" : "today.none_viewer")}
            action=${isStaff.value && html`<a role="button" class=${open.size ? "secondary" : ""} href="#/courses">${t("today.to_courses")}</a>`} />`}
    </section>
    ${isStaff.value && toReview.length > 0 && html`<section><h2>${t("today.review")}</h2>
      ${toReview.map((due) => html`<article class="due"><span class="when">${due.review_count}</span>
        <div class="what"><strong>${due.session.course_code} · ${due.session.course_title}</strong>
          <span class="quiet">${t("today.faces", { n: due.review_count })} · ${day(due.session.starts_at, due.session.timezone)}</span></div>
        <div class="actions"><a role="button" class="secondary" href=${`#/review?session=${due.session.id}`}>${t("today.decide")}</a></div></article>`)}
    </section>`}`;
}

/** @param {{due: any, first?: boolean}} props first: has the one filled button of the screen */
function Due({ due, first }) {
  const session = due.session;
  const begin = async () => {
    try {
      await api.post(`/sessions/${session.id}/open`);
      go(`/sessions/${session.id}${isThere(LIVE) ? "/live" : ""}`);
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const style = first ? "" : "secondary";
  return html`<article class=${`due ${session.state === "open" ? "open" : ""}`}>
    <span class="when number">${span(session.starts_at, session.ends_at, session.timezone)}</span>
    <div class="what"><strong>${session.course_code} · ${session.course_title}</strong>
      <span class="quiet">${session.title || t("today.session")}</span> <${SessionState} state=${session.state} /></div>
    <div class="actions">
      ${isStaff.value && session.state === "scheduled" && html`<button type="button" class=${style} onClick=${begin}><${Icon} name="camera" />${t("today.start")}</button>`}
      ${isStaff.value && session.state === "open" && isThere(LIVE) && html`<a role="button" class=${style} href=${`#/sessions/${session.id}/live`}><${Icon} name="camera" />${t("today.go_on")}</a>`}
      <a role="button" class="secondary" href=${`#/sessions/${session.id}`}>${t("today.sheet")}</a>
    </div>
  </article>`;
}
