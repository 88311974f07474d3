// @ts-check
// A file as the server takes it: what it would refuse for its kind or size is written anew, where the browser can read it.

const TYPES = ["image/jpeg", "image/png", "image/webp"];
/** Nothing is gained by more: faces are cut out and kept small. */
const MOST_BYTES = 8_000_000;
const MOST_SIDE = 2400;
/** What the server takes of one picture. */
const MOST_SENT = 20_000_000;

export class NotAPicture extends Error {
  /** @param {"empty" | "not_a_picture"} kind */
  constructor(kind) {
    super(kind);
    this.kind = kind;
  }
}

/** @param {File} file @returns {Promise<Blob>} Throws NotAPicture. */
export async function sendable(file) {
  if (file.size === 0) throw new NotAPicture("empty");
  if (TYPES.includes(file.type) && file.size <= MOST_BYTES) return file;
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    // the server reads more than browsers do: photos of iPhones, grey maps
    if (file.size <= MOST_SENT && (!file.type || file.type.startsWith("image/"))) return file;
    throw new NotAPicture("not_a_picture");
  }
  const scale = Math.min(1, MOST_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
  canvas.getContext("2d", { alpha: false })?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  const written = await new Promise((/** @type {(made: Blob | null) => void} */ resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  if (!written) throw new NotAPicture("not_a_picture");
  return written;
}
