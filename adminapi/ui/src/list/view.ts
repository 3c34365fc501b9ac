import { useCallback, useMemo, useState } from "react";
import { useLocation, useSearchParams } from "react-router";

/** What of a list is shown: what to look for, in which order, and which page. */
export interface View {
  q: string;
  /** A field, or a field with '-' before it for the other way round; empty for the list's own order. */
  sort: string;
  /** Rows of a page. */
  size: number;
  filters: Readonly<Record<string, string>>;
  /** The cursors that led to this page, the last one being its own; empty on the first page. */
  trail: readonly string[];
}

export interface ViewControl extends View {
  /** Anything but a step to another page leads to the first one. */
  change(part: Partial<Pick<View, "q" | "sort" | "size">> & { filters?: Record<string, string> }): void;
  next(cursor: string): void;
  previous(): void;
  clear(): void;
}

export const sizes = [25, 50, 100];

const plain = { q: "", sort: "", size: 25, filters: {}, trail: [] } as const;

function changed(old: View, part: Parameters<ViewControl["change"]>[0]): View {
  const filters = Object.fromEntries(Object.entries({ ...old.filters, ...part.filters }).filter(([, value]) => value !== ""));
  return { ...old, ...part, filters, trail: [] };
}

function control(view: View, set: (view: View) => void): ViewControl {
  return {
    ...view,
    change: (part) => set(changed(view, part)),
    next: (cursor) => set({ ...view, trail: [...view.trail, cursor] }),
    previous: () => set({ ...view, trail: view.trail.slice(0, -1) }),
    clear: () => set({ ...plain, size: view.size, sort: view.sort }),
  };
}

/**
 * A view that lives as long as what shows it. It is for lists within a page, and
 * for those where what one looks for has no business in an address.
 */
export function useOwnView(begin: Partial<View> = {}): ViewControl {
  const [view, set] = useState<View>({ ...plain, ...begin });
  return useMemo(() => control(view, set), [view]);
}

/**
 * A view that stands in the address, so that it can be sent to a colleague and
 * the browser's way back finds it again. The cursors are kept in the browser's
 * history and not in the address: they are no use to anybody else.
 */
export function useAddressView(filters: readonly string[]): ViewControl {
  const [search, setSearch] = useSearchParams();
  const { state } = useLocation() as { state: { trail?: string[] } | null };
  const trail = state?.trail;
  const names = filters.join();
  const set = useCallback(
    (view: View) => {
      const next = new URLSearchParams();
      if (view.q) next.set("q", view.q);
      if (view.sort) next.set("sort", view.sort);
      if (view.size !== plain.size) next.set("size", String(view.size));
      for (const [name, value] of Object.entries(view.filters)) next.set(name, value);
      // What is typed or chosen replaces; a step to another page can be undone by the browser's way back.
      setSearch(next, { replace: view.trail.length === 0, state: { trail: view.trail } });
    },
    [setSearch],
  );
  return useMemo(() => {
    const size = Number(search.get("size"));
    const view: View = {
      q: search.get("q") ?? "",
      sort: search.get("sort") ?? "",
      size: sizes.includes(size) ? size : plain.size,
      filters: Object.fromEntries(names.split(",").flatMap((name) => (name && search.get(name) ? [[name, search.get(name) as string]] : []))),
      trail: trail ?? [],
    };
    return control(view, set);
  }, [search, names, trail, set]);
}
