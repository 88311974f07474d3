// @ts-check
// Whether two pictures show a face in nearly the same way, by a coarse grey copy of each face.

const SIDE = 16;
/** Mean difference of grey, of 255, below which two are nearly equal; noise of a camera makes 1 to 3. */
const NEARLY = 6;

/**
 * @param {Blob} picture @param {number[]} box x1, y1, x2, y2 of the face, pixels
 * @returns {Promise<Uint8Array>} SIDE x SIDE
 */
export async function coarse(picture, box) {
  const [x1, y1, x2, y2] = box.map(Math.round);
  const face = await createImageBitmap(picture, x1, y1, Math.max(1, x2 - x1), Math.max(1, y2 - y1), { resizeWidth: SIDE, resizeHeight: SIDE, resizeQuality: "medium" });
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const brush = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  brush.drawImage(face, 0, 0);
  face.close();
  const { data } = brush.getImageData(0, 0, SIDE, SIDE);
  return Uint8Array.from({ length: SIDE * SIDE }, (_, at) => (data[4 * at] + 2 * data[4 * at + 1] + data[4 * at + 2]) / 4);
}

/** @param {Uint8Array} one @param {Uint8Array} other as `coarse` gives them */
export function isNearlyEqual(one, other) {
  return one.reduce((sum, value, at) => sum + Math.abs(value - other[at]), 0) / one.length < NEARLY;
}
