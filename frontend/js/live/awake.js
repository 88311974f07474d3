// @ts-check
// Keeps the screen on as long as a screen of the page needs it.
import { useEffect } from "../lib.js";

export function useAwake() {
  useEffect(() => {
    /** @type {WakeLockSentinel | null} */
    let lock = null;
    let wanted = true;
    const ask = async () => {
      if (document.hidden || !("wakeLock" in navigator)) return;
      try {
        const got = await navigator.wakeLock.request("screen");
        if (wanted) lock = got;
        else got.release();
      } catch {
        // a battery that runs low refuses it; the screen then goes dark as usual
      }
    };
    ask();
    // the browser takes it away whenever the page is hidden
    document.addEventListener("visibilitychange", ask);
    return () => {
      wanted = false;
      document.removeEventListener("visibilitychange", ask);
      lock?.release();
    };
  }, []);
}
