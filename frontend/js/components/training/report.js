// @ts-check
// How good a model is: its numbers beside those of another, the pictures of its training, the summary in words.
import { html, useState } from "../../lib.js";
import * as api from "../../api.js";
import { useLoaded } from "../../loading.js";
import { setQuery } from "../../router.js";
import { dayAndClock } from "../../times.js";
import { hasText, t } from "../../texts.js";
import { Field } from "../form.js";
import { Shown, Skeleton } from "../page.js";
import { Activate } from "./activate.js";
import { LINES, warning } from "./figures.js";
import { inWords } from "./options.js";

/** @param {Api.ModelVersion} version */
export const nameOf = (version) => dayAndClock(version.created_at);

/** @param {{versions: Api.ModelVersion[], shown: string | null, changed: () => unknown}} props shown: a version; null: the one in use */
export function Report({ versions, shown, changed }) {
  const version = versions.find((each) => each.version === shown) ?? versions.find((each) => each.active) ?? versions[0];
  const [wanted, compareWith] = useState("");
  // by itself: a chosen one with the one in use, the one in use with the one before
  const index = versions.indexOf(version);
  const other = versions.find((each) => each.version === wanted && each !== version)
    ?? (version.active ? versions[index + 1] : versions.find((each) => each.active));
  const loaded = useLoaded(async (signal) => {
    const [report, otherReport] = await Promise.all([reportOf(version, signal), other ? reportOf(other, signal) : null]);
    return { mine: { version, report }, theirs: other ? { version: other, report: otherReport } : null };
  }, [version.version, other?.version]);
  return html`<div class="toolbar chosen">
      <${Field} as="select" label=${t("training.model")} name="version" onChange=${(/** @type {any} */ event) => setQuery({ model: event.target.value })}>
        ${versions.map((each) => html`<option value=${each.version} selected=${each === version}>${nameOf(each)}${each.active ? ` (${t("training.in_use")})` : ""}</option>`)}</${Field}>
      ${versions.length > 1 && html`<${Field} as="select" label=${t("training.compared")} name="other" onChange=${(/** @type {any} */ event) => compareWith(event.target.value)}>
        ${versions.filter((each) => each !== version).map((each) => html`<option value=${each.version} selected=${each === other}>${nameOf(each)}${each.active ? ` (${t("training.in_use")})` : ""}</option>`)}</${Field}>`}
      ${!version.active && html`<${Activate} version=${version} changed=${changed} />`}
    </div>
    <${Shown} from=${loaded} skeleton=${html`<${Skeleton} rows=${8} />`}>${(/** @type {any} */ data) => html`<${Numbers} ...${data} /><${Pictures} report=${data.mine.report} />`}</${Shown}>`;
}

/** @param {Api.ModelVersion} version @param {AbortSignal} signal @returns {Promise<Api.ModelReport | null>} */
async function reportOf(version, signal) {
  try {
    return await api.get(`/model/versions/${version.version}/report`, undefined, { signal });
  } catch (problem) {
    if (problem instanceof api.Problem && problem.status === 404) return null;
    throw problem;
  }
}

/** @param {{mine: import("./figures.js").Measured, theirs: import("./figures.js").Measured | null}} props */
function Numbers({ mine, theirs }) {
  const limits = mine.report?.thresholds;
  const bound = limits?.bound_by === "students" && limits.held_back ? "held_back" : limits?.bound_by;
  const told = warning(mine);
  /** @param {import("./figures.js").Measured} of */
  const head = (of) => html`<th scope="col">${nameOf(of.version)}${of.version.active && html`<span class="under small">${t("training.in_use")}</span>`}</th>`;
  return html`
    ${!mine.report && html`<div class="note"><p>${t("training.no_report")}</p></div>`}
    ${told && html`<div class="note warn"><p>${told}</p></div>`}
    <div class="table-holder"><table class="compare"><caption class="visually-hidden">${t("training.numbers")}</caption>
      <thead><tr><th scope="col"><span class="visually-hidden">${t("training.measure")}</span></th>${head(mine)}${theirs && head(theirs)}</tr></thead>
      <tbody>${LINES.map(({ key, show }) => html`<tr><th scope="row">${t(`training.line_${key}`)}</th><td>${show(mine)}</td>${theirs && html`<td class="quiet">${show(theirs)}</td>`}</tr>`)}
        <tr><th scope="row">${t("training.line_options")}</th><td>${mine.report ? inWords(mine.report.config ?? {}) : "–"}</td>${theirs && html`<td class="quiet">${theirs.report ? inWords(theirs.report.config ?? {}) : "–"}</td>`}</tr></tbody>
    </table></div>
    ${bound && hasText(`training.bound_${bound}`) && html`<p class="quiet small measure below-list">${t(`training.bound_${bound}`)} ${mine.report?.estimated && `${t("training.estimated")} `}${t("training.held_out")}</p>`}`;
}

/** @param {{report: Api.ModelReport | null}} props */
function Pictures({ report }) {
  if (!report) return null;
  const pictures = ["score_histogram.png", "det_curve.png", "look_alikes.png", "images_per_student.png"].filter((name) => report.files.includes(name));
  /** @param {string} name */
  const address = (name) => api.addressOf(`/model/versions/${report.version}/files/${name}`);
  return html`
    ${pictures.length > 0 && html`<section><h2>${t("training.pictures")}</h2><div class="figures-row">
      ${pictures.map((name) => html`<figure><a href=${address(name)} target="_blank" rel="noopener"><img src=${address(name)} alt=${t(`training.alt_${name.split(".")[0]}`)} width="1200" height="800" loading="lazy" /></a>
        <figcaption class="quiet small">${t(`training.says_${name.split(".")[0]}`)}</figcaption></figure>`)}</div></section>`}
    ${report.files.includes("training_summary.txt") && html`<${Summary} key=${report.version} version=${report.version} />`}`;
}

/** @param {{version: string}} props */
function Summary({ version }) {
  const [open, setOpen] = useState(false);
  return html`<section><details class="log" onToggle=${(/** @type {any} */ event) => setOpen(event.target.open)}>
    <summary>${t("training.summary")}</summary>${open && html`<${SummaryText} version=${version} />`}</details></section>`;
}

/** @param {{version: string}} props */
function SummaryText({ version }) {
  const text = useLoaded(async (signal) => (await api.getBlob(`/model/versions/${version}/files/training_summary.txt`, { signal })).text(), [version]);
  return html`<${Shown} from=${text}>${(/** @type {string} */ words) => html`<pre tabindex="0" aria-label=${t("training.summary")}>${words}</pre>`}</${Shown}>`;
}
