// @ts-check
// Boxes that follow faces from one answer to the next, so that each box is one element that moves.

/**
 * @typedef {Object} Track
 * @property {number} id the same as long as it is the same face
 * @property {Api.FrameFace} face
 * @property {number[]} box x1, y1, x2, y2 in shares of the picture, where the face should be by now
 * @property {number[]} seen as box, where the answer said it was
 * @property {number} at performance.now() of the capture
 */

const LEAST_OVERLAP = 0.2;
/** A face is not carried further on than this: people stop. */
const MOST_AHEAD_MS = 400;

let last = 0;

/**
 * The tracks after an answer: those of before that are still there, and new ones. A face that is not in the answer has no box.
 * @param {Track[]} before @param {Api.Frame} answer @param {number} at performance.now() of its capture @param {number} now
 * @returns {Track[]}
 */
export function follow(before, answer, at, now) {
  const free = new Set(before);
  return answer.faces.map((face) => {
    const seen = [face.box[0] / answer.width, face.box[1] / answer.height, face.box[2] / answer.width, face.box[3] / answer.height];
    const known = best(free, face, seen);
    if (!known) return { id: (last += 1), face, box: seen, seen, at };
    free.delete(known);
    const share = Math.min(MOST_AHEAD_MS, now - at) / Math.max(50, at - known.at);
    // half of the way that the last two answers show: enough to hide the delay, too little to overshoot
    const box = seen.map((value, side) => value + 0.5 * share * (value - known.seen[side]));
    return { id: known.id, face, box: at - known.at > 1500 ? seen : box, seen, at };
  });
}

/** @param {Set<Track>} tracks @param {Api.FrameFace} face @param {number[]} box */
function best(tracks, face, box) {
  let found = null;
  let most = LEAST_OVERLAP;
  for (const track of tracks) {
    // a name does not jump from one face to another: where both are named, the names decide
    if (face.student && track.face.student && face.student.id !== track.face.student.id) continue;
    const overlap = shared(track.box, box);
    if (overlap > most) [found, most] = [track, overlap];
  }
  return found;
}

/** Intersection over union. @param {number[]} a @param {number[]} b */
function shared(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (/** @type {number[]} */ box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}
