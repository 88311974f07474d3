// @ts-check
// Where files can be dropped, one or many, or a folder of them; the button to pick them stands inside.
import { html, useState } from "../lib.js";
import { t } from "../texts.js";
import { toast } from "./toast.js";

/** @param {{className?: string, onFiles: (files: File[]) => unknown, children?: any}} props */
export function DropZone({ className = "", onFiles, children }) {
  const [isOver, setIsOver] = useState(false);
  /** @param {DragEvent} event */
  const over = (event) => {
    event.preventDefault();
    setIsOver(event.type === "dragover");
  };
  /** @param {DragEvent} event */
  const dropped = async (event) => {
    over(event);
    const isOfFiles = hasFiles(event);
    const files = await filesOf(event.dataTransfer);
    if (files === null) toast(t("drop.unreadable"), { seconds: 10 });
    else if (files.length > 0) onFiles(files);
    else if (isOfFiles) toast(t("drop.empty"));
  };
  return html`<div class=${`drop ${className} ${isOver ? "over" : ""}`} onDragOver=${over} onDragLeave=${over} onDrop=${dropped}>${children}</div>`;
}

/** A file that is dropped beside its place must not open in the place of the page. */
export function refuseStrayFiles() {
  for (const type of ["dragover", "drop"]) {
    addEventListener(type, (raw) => {
      const event = /** @type {DragEvent} */ (raw);
      if (event.defaultPrevented || !event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    });
  }
}

/** @param {DragEvent} event */
function hasFiles(event) {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/** What was dropped; of a folder the files in it. null: it cannot be read. @param {DataTransfer | null} transfer @returns {Promise<File[] | null>} */
async function filesOf(transfer) {
  // both are empty once anything was waited for
  const entries = [...(transfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
  const files = [...(transfer?.files ?? [])];
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  try {
    return (await Promise.all(entries.map((entry) => (entry ? within(entry) : [])))).flat();
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

/** @param {FileSystemEntry} entry @returns {Promise<File[]>} */
async function within(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject))];
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {FileSystemEntry[]} */
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) break; // it gives a hundred at a time
    found.push(...some);
  }
  // what systems put into every folder, such as .DS_Store, nobody meant to send
  const meant = found.filter((each) => !each.name.startsWith(".")).sort((a, b) => a.name.localeCompare(b.name));
  return (await Promise.all(meant.map(within))).flat();
}
