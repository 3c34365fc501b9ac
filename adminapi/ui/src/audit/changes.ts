/** One value of what was changed, by the path to it. */
export interface Change {
  path: string;
  before: string;
  after: string;
  changed: boolean;
}

/**
 * Puts two states of a thing side by side, value by value. What both have alike
 * comes too: an auditor wants to see what a change left as it was.
 */
export function sideBySide(before: unknown, after: unknown): Change[] {
  const old = new Map(leaves(before));
  const now = new Map(leaves(after));
  const paths = [...new Set([...old.keys(), ...now.keys()])];
  return paths.map((path) => {
    const [b = "", a = ""] = [old.get(path), now.get(path)];
    return { path, before: b, after: a, changed: b !== a };
  });
}

function leaves(value: unknown, path = ""): [string, string][] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return [[path, value.map((v) => (typeof v === "object" ? JSON.stringify(v) : String(v))).join(", ")]];
  if (typeof value === "object") return Object.entries(value).flatMap(([key, v]) => leaves(v, path ? `${path}:${key}` : key));
  return [[path, String(value)]];
}

/** The detail of a record as an object; empty for what is none. */
export function detailOf(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
