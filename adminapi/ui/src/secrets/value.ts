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
