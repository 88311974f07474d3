// @ts-check
// Doubtful faces, one after the other, for a person to say whose they are.
import { html } from "../lib.js";
import { useKeys } from "../keys.js";
import { query } from "../router.js";
import { t } from "../texts.js";
import { Face } from "../components/review/face.js";
import { Empty, Page, ProblemNote, Skeleton } from "../components/page.js";
import { useQueue } from "../review/queue.js";

export default function Review() {
  const filter = { session_id: query.value.get("session"), course_id: query.value.get("course") };
  const isFiltered = Boolean(filter.session_id || filter.course_id);
  const queue = useQueue(filter);
  const { items, at } = queue;
  useKeys({ u: queue.undo, arrowleft: () => queue.move(-1), arrowright: () => queue.move(1) });
  const only = isFiltered && html`<p class="only">${t(filter.session_id ? "review.only_session" : "review.only_course")} <a href="#/review">${t("review.show_all")}</a></p>`;
  return html`<${Page} title=${t("review.title")}>
    <${ProblemNote} problem=${queue.problem} retry=${queue.reload} />
    ${items === undefined && !queue.problem && html`<${Skeleton} rows=${3} height="6rem" />`}
    ${items && items.length > 0 && html`${only}<div class="faces">
      ${items.slice(at, at + 2).map((item, index) => html`<${Face} key=${item.id} item=${item} waiting=${index > 0} place=${t("review.place", { place: at + index + 1, n: items.length })}
        decide=${(/** @type {any} */ resolution, /** @type {any} */ student) => queue.decide(item, resolution, student)} move=${queue.move} />`)}</div>`}
    ${items?.length === 0 && html`<${Empty} title=${t("review.none_title")} text=${t("review.none_text")}
      action=${isFiltered ? html`<a role="button" href="#/review">${t("review.show_all")}</a>` : html`<a role="button" href="#/">${t("app.to_today")}</a>`} />`}
  </${Page}>`;
}
