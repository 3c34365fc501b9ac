/** The largest value that a store takes, in bytes. */
export const maxValueBytes = 1 << 20;

/** Reads a file as Base64 and wipes the bytes that it was read into. */
export async function fileAsBase64(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    let text = "";
    for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    return btoa(text);
  } finally {
    bytes.fill(0);
  }
}

/** What to say about a value that is pasted; empty when it arrives as it was. A field of one line drops line breaks. */
export function aboutPaste(text: string): string {
  const inner = text.replace(/[\r\n]+$/, "");
  if (/[\r\n]/.test(inner)) return "What you pasted has several lines, which were joined into one. For a key or a certificate, choose File instead.";
  if (inner !== text) return "What you pasted ended with a line break; it was left out.";
  if (text.trim() !== text) return "What you pasted begins or ends with a space, which is part of the value.";
  return "";
}

const newline = 10;
const carriageReturn = 13;

async function tail(file: Blob, bytes: number): Promise<Uint8Array> {
  return new Uint8Array(await file.slice(Math.max(0, file.size - bytes)).arrayBuffer());
}

export async function endsWithLine(file: Blob): Promise<boolean> {
  const end = await tail(file, 1);
  const found = end[0] === newline;
  end.fill(0);
  return found;
}

/** The file without the one line break at its end. */
export async function withoutLineEnd(file: Blob): Promise<Blob> {
  const end = await tail(file, 2);
  const drop = end.at(-1) !== newline ? 0 : end.length === 2 && end[0] === carriageReturn ? 2 : 1;
  end.fill(0);
  return file.slice(0, file.size - drop);
}
