import type { ServerPage } from "./useServerList";
import type { View } from "./view";

interface Local<T> {
  /** What is searched in. */
  words?: (row: T) => string;
  /** What each field is sorted by. */
  by?: Record<string, (row: T) => string | number>;
}

/** One page of a list that the server answers whole, because it is never long. */
export function localPage<T>(rows: readonly T[], view: View<never>, { words, by = {} }: Local<T> = {}): ServerPage<T> {
  const wanted = view.q.toLowerCase();
  const found = wanted && words ? rows.filter((r) => words(r).toLowerCase().includes(wanted)) : [...rows];
  const down = view.sort.startsWith("-");
  const key = by[down ? view.sort.slice(1) : view.sort];
  if (key) found.sort((a, b) => compare(key(a), key(b)) * (down ? -1 : 1));
  const from = view.trail.length * view.size;
  return { items: found.slice(from, from + view.size), total: found.length, ...(from + view.size < found.length && { next: String(from + view.size) }) };
}

function compare(a: string | number, b: string | number): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}
