// @ts-check
// The live room: the picture of the camera, who is in it, who came, and who has not been seen.
import { html, useEffect, useMemo, useRef, useState } from "../lib.js";
import * as api from "../api.js";
import { FrameLoop } from "../live/frame_loop.js";
import { follow } from "../live/tracks.js";
import { isHeard, play } from "../live/tone.js";
import { useAwake } from "../live/awake.js";
import { useCamera } from "../live/use_camera.js";
import { useEvery, useGet } from "../loading.js";
import { learn, setMark, shownRecords, takeBack, waitingMarks } from "../marking.js";
import { go } from "../router.js";
import { isThere } from "../routes.js";
import { isAdmin, loginEnded, store, stored } from "../state.js";
import { clock } from "../times.js";
import { t } from "../texts.js";
import { confirm } from "../components/dialog.js";
import { CameraPicker, Controls } from "../components/live/controls.js";
import { Absentees, Arrivals, isHere } from "../components/live/people.js";
import { Stage } from "../components/live/stage.js";
import { Tally } from "../components/live/tally.js";
import { CameraTrouble, FrameTrouble } from "../components/live/trouble.js";
import { ProblemNote, Skeleton } from "../components/page.js";
import { toastProblem } from "../components/toast.js";

const PULSE_MS = 1500;
const SHEET_SECONDS = 5;
const REVIEW_SECONDS = 10;

/** @param {{id: string}} props */
export default function LivePage({ id }) {
  const session = useGet(`/sessions/${id}`);
  const found = /** @type {Api.Session | undefined} */ (session.data);
  useEffect(() => {
    // what is to come is opened first, what is over has only its sheet
    if (found && found.state !== "open") go(`/sessions/${id}`);
  }, [found?.state]);
  if (!found || found.state !== "open") return html`<main class="page" id="main"><${ProblemNote} problem=${session.problem} retry=${session.reload} />${!session.problem && html`<${Skeleton} />`}</main>`;
  return html`<${Room} session=${found} />`;
}

/** @param {{session: Api.Session}} props */
function Room({ session }) {
  useAwake();
  const sheet = useGet(`/sessions/${session.id}/records`);
  useEvery(sheet.reload, SHEET_SECONDS);
  const records = shownRecords(sheet.data?.items ?? []);
  const [tracks, setTracks] = useState(/** @type {import("../live/tracks.js").Track[]} */ ([]));
  const [arrived, setArrived] = useState(/** @type {Set<number>} */ (new Set()));
  const [spoken, setSpoken] = useState("");
  const review = useGet("/review", { session_id: session.id, open: true });
  useEvery(review.reload, REVIEW_SECONDS);
  const [mirrored, setMirrored] = useState(stored("mirror") === "on");
  const camera = useCamera();
  const video = useRef(/** @type {HTMLVideoElement | null} */ (null));
  /** @param {Api.Record} record */
  const markThere = (record) => {
    const isLate = session.late_after && api.serverTime() >= Date.parse(session.late_after);
    setMark(record, isLate ? "late" : "present", "arrived_unseen");
  };
  /** @param {Api.Record} record */
  const notThem = (record) => setMark(record, "unmarked", "not_me", t("live.not_me_done", { name: record.student.name }));

  /** @param {Api.Frame} answer @param {number} at @param {boolean} isLate */
  const answered = (answer, at, isLate) => {
    if (!isLate) setTracks((before) => follow(before, answer, at, performance.now()));
    const changed = answer.changes.filter((change) => change.student);
    if (changed.length === 0) return;
    for (const change of answer.changes) {
      learn({ id: change.record_id, status: change.new, version: change.version, source: "face", first_seen_at: answer.captured_at, updated_at: answer.received_at });
    }
    const came = changed.filter((change) => change.new === "present" || change.new === "late");
    if (came.length === 0) return;
    play();
    setSpoken(t("live.heard", { n: came.length, names: came.map((change) => change.student?.name).join(", ") }));
    setArrived(new Set(came.map((change) => change.student?.id ?? 0)));
  };
  const latest = useRef(answered);
  latest.current = answered;
  const loop = useMemo(() => new FrameLoop(session.id, () => video.current, (...all) => latest.current(...all)), [session.id]);

  useEffect(() => {
    if (camera.camera) loop.start();
    else setTracks([]);
    return () => loop.stop();
  }, [camera.camera]);
  useEffect(() => {
    if (arrived.size === 0) return undefined;
    const timer = setTimeout(() => setArrived(new Set()), PULSE_MS);
    return () => clearTimeout(timer);
  }, [arrived]);
  const state = loop.state.value;
  useEffect(() => {
    if (state !== "sending") setTracks([]);
    if (state === "ended") camera.stop();
  }, [state]);
  useEffect(() => {
    document.title = `${session.course_code} · SmartAttendance`;
  }, []);
  useEffect(() => {
    if (sheet.data && sheet.data.state !== "open" && state !== "ended") go(`/sessions/${session.id}`);
  }, [sheet.data?.state]);

  const toDecide = review.data?.items.length ?? 0;
  const close = async () => {
    if (!(await confirm({ title: t("sheet.close_title"), text: html`<p>${t("sheet.close_text")}</p>`, action: t("live.close") }))) return;
    try {
      await api.post(`/sessions/${session.id}/close`);
      go(`/sessions/${session.id}`);
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const mirror = () => {
    store("mirror", mirrored ? "" : "on");
    setMirrored(!mirrored);
  };

  return html`<main class="live" id="main">
    <h1 class="visually-hidden" tabindex="-1">${t("live.heading", { course: session.course_title })}</h1>
    <${Stage} camera=${camera.camera} tracks=${tracks} arrived=${arrived} mirrored=${mirrored} numbers=${isAdmin.value} video=${video}>
      ${camera.trouble && state !== "ended" && html`<${CameraTrouble} kind=${camera.trouble} otherwise=${{ href: `#/sessions/${session.id}`, text: t("camera.by_hand") }} retry=${camera.retry}
        onDemo=${camera.hasDemo && camera.trouble !== "paused" ? () => camera.choose("demo") : undefined} />`}
      <${Controls} mirrored=${mirrored} onMirror=${mirror} isHeard=${isHeard.value} onSound=${() => (isHeard.value = !isHeard.value)} onStop=${camera.camera ? camera.stop : undefined}>
        <${CameraPicker} camera=${camera} />
        ${isAdmin.value && loop.latency.value > 0 && html`<span class="speed number">${t("live.speed", { ms: Math.round(loop.latency.value), rate: loop.rate.value.toFixed(1), width: loop.width.value })}</span>`}
      </${Controls}>
      <${FrameTrouble} state=${state === "login" && !loginEnded.value ? "sending" : state} queued=${loop.queued.value} problem=${loop.problem.value} session=${session.id}
        retry=${() => { loop.state.value = "sending"; loop.start(); }} />
    </${Stage}>
    <aside class="room-column" aria-label=${session.course_title}>
      <header class="room-head"><div><strong>${session.course_code}</strong> <span class="quiet">${clock(session.starts_at, session.timezone)}–${clock(session.ends_at, session.timezone)}</span></div>
        <a href=${`#/sessions/${session.id}`}>${t("live.sheet")}</a></header>
      <${ProblemNote} problem=${sheet.data ? null : sheet.problem} retry=${sheet.reload} />
      ${sheet.data && html`<${Tally} here=${records.filter(isHere).length} all=${records.length} />
        ${toDecide > 0 && isThere("/review") && html`<p class="to-decide"><a href=${`#/review?session=${session.id}`}>? ${t("live.review", { n: toDecide })}</a></p>`}
        ${waitingMarks() > 0 && html`<p class="to-decide" role="status">${t("shell.not_saved", { n: waitingMarks() })}</p>`}
        <${Arrivals} records=${records} zone=${session.timezone} onUndo=${takeBack} onNotMe=${notThem} />
        <${Absentees} records=${records} onMark=${markThere} />`}
      <p class="room-foot"><button type="button" class="secondary" onClick=${close}>${t("live.close")}</button></p>
    </aside>
    <p class="visually-hidden" aria-live="polite">${spoken}</p>
  </main>`;
}
