import { keepPreviousData, type UseQueryResult, useQuery } from "@tanstack/react-query";
import type { View } from "./view";

/** One page of a list as the API answers it. */
export interface ServerPage<T> {
  items: T[];
  /** The cursor of the next page; absent on the last one. */
  next?: string;
  /** How many rows there are on all pages, where that is known. */
  total?: number;
}

/**
 * What every list of the API takes. What narrows it down or sorts it comes from an
 * address, where anybody can write anything, so it is of no type; the API says what
 * it does not know.
 */
type Query<F extends string> = { limit: number; cursor?: string; q?: string } & Partial<Record<F | "sort", never>>;

function asked<F extends string>(view: View<F>): Query<F> {
  const cursor = view.trail.at(-1);
  const query = { ...view.filters, limit: view.size, ...(cursor && { cursor }), ...(view.sort && { sort: view.sort }), ...(view.q && { q: view.q }) };
  return query as Query<F>;
}

/**
 * Asks for the one page of a list that a view is about. What was shown before
 * stays until it is there, so that nothing jumps. refetchInterval is in
 * milliseconds.
 */
export function useServerList<F extends string, P extends ServerPage<unknown>>(
  resource: string,
  view: View<F>,
  fetchPage: (query: Query<F>, signal: AbortSignal) => Promise<P>,
  refetchInterval: number | false = false,
): UseQueryResult<P> {
  const query = asked(view);
  return useQuery({
    queryKey: [resource, "list", query],
    queryFn: ({ signal }) => fetchPage(query, signal),
    placeholderData: keepPreviousData,
    refetchInterval,
  });
}
