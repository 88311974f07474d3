// @ts-check
// A roster out of a file, in four steps: the file, its columns, what would change, and what has changed.
import { html, useEffect, useRef, useState } from "../lib.js";
import { useGet } from "../loading.js";
import { t } from "../texts.js";
import { Page, ProblemNote, Skeleton } from "../components/page.js";
import { ImportCheck } from "../components/course/import_check.js";
import { ImportColumns } from "../components/course/import_columns.js";
import { ImportDone } from "../components/course/import_done.js";
import { ImportFile } from "../components/course/import_file.js";

/**
 * @typedef {Object} Reading how a file is read
 * @property {string} [encoding]
 * @property {string} [delimiter]
 * @property {boolean} [header]
 */

const STEPS = ["file", "columns", "check", "done"];

/** @param {{id: string}} props */
export default function CourseImport({ id }) {
  const loaded = useGet(`/courses/${id}`);
  const course = /** @type {Api.Course | undefined} */ (loaded.data);
  if (!course) return html`<main class="page" id="main"><${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />${!loaded.problem && html`<${Skeleton} rows=${6} />`}</main>`;
  return html`<${Page} title=${t("import.title")} lead=${`${course.code} · ${course.title}`} back=${{ href: `#/courses/${id}`, text: t("import.back") }}>
    <${Wizard} course=${course} />
  </${Page}>`;
}

/** @param {{course: Api.Course}} props */
function Wizard({ course }) {
  const [step, setStep] = useState("file");
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [preview, setPreview] = useState(/** @type {Api.RosterPreview | null} */ (null));
  const [mapping, setMapping] = useState(/** @type {Record<string, number>} */ ({}));
  const [said, setSaid] = useState(/** @type {{name: string, encoding: string} | null} */ (null));
  const [report, setReport] = useState(/** @type {Api.RosterReport | null} */ (null));
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const isFirst = useRef(true);
  useEffect(() => {
    // a screen reader goes on with the step that opened
    if (!isFirst.current) place.current?.querySelector("h2")?.focus();
    isFirst.current = false;
  }, [step]);
  const restart = () => {
    setStep("file");
  };
  const number = STEPS.indexOf(step);
  return html`
    <ol class="steps" aria-label=${t("import.steps")}>${STEPS.map((each, index) => html`<li aria-current=${each === step ? "step" : undefined} class=${index < number ? "past" : ""}>
      <span class="number" aria-hidden="true">${index < number ? "✓" : index + 1}</span>${t(`import.step_${each}`)}</li>`)}</ol>
    <div ref=${place}>
      ${step === "file" && html`<${ImportFile} course=${course} said=${said} read=${(/** @type {File} */ chosen, /** @type {Api.RosterPreview} */ found) => {
        // the same file, corrected: what was said of its columns stays
        const isSame = chosen.name === file?.name && JSON.stringify(found.header) === JSON.stringify(preview?.header) && found.columns === preview?.columns;
        setFile(chosen);
        setPreview(found);
        if (!isSame) setMapping(sensible(found.mapping));
        setStep("columns");
      }} />`}
      ${step === "columns" && file && preview && html`<${ImportColumns} course=${course} file=${file} preview=${preview} mapping=${mapping} setMapping=${setMapping}
        reread=${(/** @type {Api.RosterPreview} */ found) => { setSaid({ name: file.name, encoding: found.encoding }); setPreview(found); setMapping(sensible(found.mapping)); }} back=${restart} next=${() => setStep("check")} />`}
      ${step === "check" && file && preview && html`<${ImportCheck} course=${course} file=${file} preview=${preview} mapping=${mapping} restart=${restart} back=${() => setStep("columns")}
        done=${(/** @type {Api.RosterReport} */ made) => { setReport(made); setStep("done"); }} />`}
      ${step === "done" && report && html`<${ImportDone} course=${course} report=${report} restart=${restart} />`}
    </div>`;
}

/** The whole name is enough where its parts stand beside it. @param {Record<string, number>} mapping */
function sensible(mapping) {
  if (!mapping.name) return mapping;
  const { first_name: _first, last_name: _last, ...rest } = mapping;
  return rest;
}
