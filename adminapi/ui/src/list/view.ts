import { useCallback, useMemo, useState } from "react";
import { useLocation, useSearchParams } from "react-router";

/** What of a list is shown: what to look for, in which order, and which page. */
export interface View<F extends string = string> {
  q: string;
  /** A field, or a field with '-' before it for the other way round; empty for the list's own order. */
  sort: string;
  /** Rows of a page. */
  size: number;
  filters: Readonly<Partial<Record<F, string>>>;
  /** The cursors that led to this page, the last one being its own; empty on the first page. */
  trail: readonly string[];
}

interface Change<F extends string> extends Partial<Pick<View, "q" | "sort" | "size">> {
  /** Those that are named are changed; an empty one is taken out. */
  filters?: Partial<Record<F, string>>;
}

export interface ViewControl<F extends string = string> extends View<F> {
  /** Anything but a step to another page leads to the first one. */
  change(part: Change<F>): void;
  next(cursor: string): void;
  previous(): void;
  clear(): void;
}

export const sizes = [25, 50, 100];

const size = 25;

function plain<F extends string>(): View<F> {
  return { q: "", sort: "", size, filters: {} as Partial<Record<F, string>>, trail: [] };
}

function changed<F extends string>(old: View<F>, part: Change<F>): View<F> {
  const filters = Object.fromEntries(Object.entries({ ...old.filters, ...part.filters }).filter(([, value]) => value)) as Partial<Record<F, string>>;
  return { ...old, ...part, filters, trail: [] };
}

function control<F extends string>(view: View<F>, set: (view: View<F>) => void): ViewControl<F> {
  return {
    ...view,
    change: (part) => set(changed(view, part)),
    next: (cursor) => set({ ...view, trail: [...view.trail, cursor] }),
    previous: () => set({ ...view, trail: view.trail.slice(0, -1) }),
    clear: () => set({ ...plain<F>(), size: view.size }),
  };
}

/**
 * A view that lives as long as what shows it. It is for lists within a page, and
 * for those where what one looks for has no business in an address.
 */
export function useOwnView<F extends string = never>(begin: Partial<View<F>> = {}): ViewControl<F> {
  const [view, set] = useState<View<F>>({ ...plain<F>(), ...begin });
  return useMemo(() => control(view, set), [view]);
}

/**
 * A view that stands in the address, so that it can be sent to a colleague and
 * the browser's way back finds it again. The cursors are kept in the browser's
 * history and not in the address: they are no use to anybody else.
 */
export function useAddressView<F extends string = never>(...filters: F[]): ViewControl<F> {
  const [search, setSearch] = useSearchParams();
  const { state } = useLocation() as { state: { trail?: string[] } | null };
  const trail = state?.trail;
  const names = filters.join();
  const set = useCallback(
    (view: View<F>) => {
      const next = new URLSearchParams();
      if (view.q) next.set("q", view.q);
      if (view.sort) next.set("sort", view.sort);
      if (view.size !== size) next.set("size", String(view.size));
      for (const [name, value] of Object.entries<string | undefined>(view.filters)) if (value) next.set(name, value);
      // What is typed or chosen replaces; a step to another page can be undone by the browser's way back.
      setSearch(next, { replace: view.trail.length === 0, state: { trail: view.trail } });
    },
    [setSearch],
  );
  return useMemo(() => {
    const rows = Number(search.get("size"));
    const found = names.split(",").flatMap((name) => (name && search.get(name) ? [[name, search.get(name)]] : []));
    const view: View<F> = {
      q: search.get("q") ?? "",
      sort: search.get("sort") ?? "",
      size: sizes.includes(rows) ? rows : size,
      filters: Object.fromEntries(found) as Partial<Record<F, string>>,
      trail: trail ?? [],
    };
    return control(view, set);
  }, [search, names, trail, set]);
}
