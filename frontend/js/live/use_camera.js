// @ts-check
// The camera of a screen: opened with it, closed with it, another one when chosen, and what is wrong when it is not there.
import { useEffect, useRef, useState } from "../lib.js";
import { CameraProblem, DEMO, hasClip, listCameras, onCamerasChange, openCamera } from "../camera.js";
import { store, stored } from "../state.js";

/**
 * @typedef {Object} CameraState
 * @property {import("../camera.js").Camera | null} camera
 * @property {string} trouble "" while the camera works; "starting"; else what is wrong
 * @property {import("../camera.js").Choice[]} choices
 * @property {boolean} hasDemo
 * @property {string} chosen the id in the picker
 * @property {(id: string) => void} choose
 * @property {() => void} retry
 * @property {() => void} stop
 */

/** @param {"environment" | "user"} [facing] of a phone's cameras, when none was chosen @returns {CameraState} */
export function useCamera(facing = "environment") {
  const [camera, setCamera] = useState(/** @type {import("../camera.js").Camera | null} */ (null));
  const [trouble, setTrouble] = useState("starting");
  const [choices, setChoices] = useState(/** @type {import("../camera.js").Choice[]} */ ([]));
  const [hasDemo, setHasDemo] = useState(false);
  const [chosen, setChosen] = useState(stored("camera"));
  const running = useRef(/** @type {import("../camera.js").Camera | null} */ (null));
  const attempt = useRef(0);

  const stop = () => {
    attempt.current += 1;
    running.current?.stop();
    running.current = null;
    setCamera(null);
  };

  /** @param {string} id */
  async function start(id) {
    stop();
    const mine = attempt.current;
    setTrouble("starting");
    try {
      const opened = await openCamera(id, () => {
        stop();
        setTrouble("unplugged");
      }, facing);
      // closed or changed while the browser asked
      if (mine !== attempt.current) return opened.stop();
      running.current = opened;
      setCamera(opened);
      setTrouble("");
      setChosen(opened.id);
      setChoices(await listCameras());
    } catch (problem) {
      if (mine !== attempt.current) return;
      setTrouble(problem instanceof CameraProblem ? problem.kind : "failed");
      if (!(problem instanceof CameraProblem) && !(problem instanceof Error && "status" in problem)) throw problem;
    }
  }

  /** @param {string} id */
  const choose = (id) => {
    store("camera", id);
    setChosen(id);
    start(id);
  };

  useEffect(() => {
    const remembered = stored("camera");
    let gone = false;
    hasClip().then((there) => {
      if (gone) return;
      setHasDemo(there);
      // in a demo its own class walks in, unless somebody chose a camera
      start(there && !remembered ? DEMO : remembered === DEMO && !there ? "" : remembered);
    });
    const refresh = () => listCameras().then(setChoices);
    refresh();
    const unsubscribe = onCamerasChange(refresh);
    return () => {
      gone = true;
      unsubscribe();
      stop();
    };
  }, []);

  return { camera, trouble, choices, hasDemo, chosen, choose, retry: () => start(chosen), stop: () => { stop(); setTrouble("paused"); } };
}
