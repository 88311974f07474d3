// @ts-check
// Photos of a student's face, taken by themselves while big words say what to do.
import { html, useEffect, useMemo, useRef, useState } from "../lib.js";
import * as api from "../api.js";
import { useAwake } from "../live/awake.js";
import { CaptureLoop, WANTED } from "../live/capture_loop.js";
import { play } from "../live/tone.js";
import { useCamera } from "../live/use_camera.js";
import { useGet } from "../loading.js";
import { go } from "../router.js";
import { t } from "../texts.js";
import { CaptureStage } from "../components/capture/capture_stage.js";
import { NotKept, PoseProgress, TakenPhotos } from "../components/capture/progress.js";
import { Empty, Page, ProblemNote, Skeleton } from "../components/page.js";
import { toast, toastProblem } from "../components/toast.js";

const ENOUGH = 10;

/** @param {{id: string}} props */
export default function CapturePage({ id }) {
  const loaded = useGet(`/students/${id}`);
  const student = /** @type {Api.Student | undefined} */ (loaded.data);
  if (!student) return html`<main class="page" id="main"><${ProblemNote} problem=${loaded.problem} retry=${loaded.reload} />${!loaded.problem && html`<${Skeleton} />`}</main>`;
  if (student.has_consent && student.may_manage) return html`<${Room} student=${student} />`;
  return html`<${Page} title=${t("capture.title", { name: student.name })} back=${{ href: `#/students/${id}`, text: student.name }}>
    ${!student.may_manage ? html`<p class="note">${t("consent.not_yours")}</p>` : html`<${Empty} title=${t("capture.no_consent")} text=${t("capture.no_consent_text", { name: student.name })} action=${html`<a role="button" href=${`#/students/${id}`}>${t("capture.to_consent")}</a>`} />`}
  </${Page}>`;
}

/** @param {{student: Api.Student}} props */
function Room({ student }) {
  useAwake();
  const camera = useCamera();
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  const [isOver, setIsOver] = useState(false);
  const loop = useMemo(() => new CaptureLoop(student.id, () => video.current, play), [student.id]);
  const home = `/students/${student.id}`;
  const taken = loop.taken.value;
  const isComplete = loop.wanted.value === null;
  const isTaking = loop.isTaking.value && !isComplete;
  const ended = loop.ended.value;
  const isDone = isOver || isComplete || ended !== null;

  useEffect(() => {
    document.title = `${t("capture.title", { name: student.name })} · SmartAttendance`;
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, []);
  useEffect(() => {
    if (camera.camera && !isDone) loop.start();
    return () => loop.stop();
  }, [camera.camera, isDone]);
  useEffect(() => {
    if (isComplete) setIsOver(true);
  }, [isComplete]);

  /** @param {import("../live/capture_loop.js").Taken} photo */
  const remove = async (photo) => {
    loop.taken.value = loop.taken.value.filter((each) => each.id !== photo.id);
    try {
      await api.remove(`/faces/${photo.id}`);
    } catch (problem) {
      if (problem instanceof api.Problem && problem.status === 404) return;
      loop.taken.value = [...loop.taken.value, photo];
      toastProblem(problem);
    }
  };
  const finish = () => {
    loop.stop();
    go(home);
    if (taken.length) toast(t("capture.finished", { n: taken.length, name: student.name }));
  };
  const more = () => {
    loop.ended.value = null;
    setIsOver(false);
  };

  return html`<main class="live capture" id="main">
    <${CaptureStage} camera=${camera} video=${video} home=${home} hint=${isDone ? null : loop.hint.value} isTaking=${isTaking} share=${shareOf(loop)}>
      ${isDone && html`<div class="trouble done" role="status">
        <h2>${ended && taken.length === 0 ? t("capture.stopped") : t("capture.done_title", { n: taken.length })}</h2>
        <p>${ended ? ended.message : t(taken.length < ENOUGH ? "capture.few_text" : "capture.done_text", { name: student.name })}</p></div>`}
    </${CaptureStage}>
    <aside class="room-column" aria-label=${student.name}>
      <header class="room-head"><h1 tabindex="-1" ref=${heading}>${t("capture.title", { name: student.name })}</h1><a href=${`#${home}`}>${t("capture.back")}</a></header>
      <div class="capture-acts">
        ${isDone
          ? html`<button type="button" onClick=${finish}>${t("capture.finish")}</button>
              ${!isComplete && html`<button type="button" class="secondary" onClick=${more}>${t("capture.more")}</button>`}`
          : html`<button type="button" class=${isTaking ? "secondary" : ""} disabled=${!camera.camera} onClick=${() => (loop.isTaking.value = !isTaking)}>
              ${t(isTaking ? "capture.pause" : taken.length ? "capture.go_on" : "capture.start")}</button>
            <button type="button" class="secondary" disabled=${taken.length === 0} onClick=${() => { loop.isTaking.value = false; setIsOver(true); }}>${t("capture.finish")}</button>`}
      </div>
      ${!isTaking && !isDone && taken.length === 0 && html`<p class="quiet small">${t("capture.ready_text", { n: WANTED.reduce((sum, [, wanted]) => sum + wanted, 0) })}</p>`}
      <${PoseProgress} loop=${loop} />
      <${TakenPhotos} taken=${taken} remove=${remove} />
      <${NotKept} refused=${loop.refused.value} />
    </aside>
  </main>`;
}

/** How much of it is done, 0 to 1. @param {CaptureLoop} loop */
function shareOf(loop) {
  const poses = WANTED.filter(([pose]) => !loop.skipped.value.includes(pose));
  const all = poses.reduce((sum, [, wanted]) => sum + wanted, 0);
  return all ? poses.reduce((sum, [pose, wanted]) => sum + Math.min(wanted, loop.count(pose)), 0) / all : 1;
}
