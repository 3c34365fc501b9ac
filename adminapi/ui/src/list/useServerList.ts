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

/** What every list of the API takes. */
export interface ListQuery {
  limit: number;
  cursor?: string;
  sort?: string;
  q?: string;
}

export function listQuery(view: View): ListQuery {
  const cursor = view.trail.at(-1);
  return { limit: view.size, ...(cursor && { cursor }), ...(view.sort && { sort: view.sort }), ...(view.q && { q: view.q }) };
}

/**
 * Asks for the one page of a list that a view is about. What was shown before
 * stays until it is there, so that nothing jumps.
 */
export function useServerList<P extends ServerPage<unknown>>(
  resource: string,
  view: View,
  fetchPage: (query: ListQuery & Readonly<Record<string, unknown>>, signal: AbortSignal) => Promise<P>,
  refetchInterval: number | false = false,
): UseQueryResult<P> {
  const query = { ...view.filters, ...listQuery(view) };
  return useQuery({
    queryKey: [resource, "list", query],
    queryFn: ({ signal }) => fetchPage(query, signal),
    placeholderData: keepPreviousData,
    refetchInterval,
  });
}
