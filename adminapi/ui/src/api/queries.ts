import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { useApi } from "../session/session";
import { must, type Schemas } from "./client";
import { asProblem } from "./problem";

// Keys begin with the resource, so that a change can make everything about it be
// asked again. Nothing with a secret's value ever goes through this cache.

export const often = 4_000; // milliseconds between two looks at what moves by itself
export const seldom = 10_000;

export const alive = (run: Schemas["Run"] | undefined) => run?.status === "Queued" || run?.status === "Running";

export function useStatus() {
  const api = useApi();
  return useQuery({ queryKey: ["status"], queryFn: ({ signal }) => must(api.GET("/api/status", { signal })), refetchInterval: seldom });
}

export function useConnectorTypes() {
  const api = useApi();
  return useQuery({ queryKey: ["types"], queryFn: ({ signal }) => must(api.GET("/api/connector-types", { signal })), staleTime: Infinity });
}

/** How many connectors there are. */
export function useConnectorCount() {
  const api = useApi();
  return useQuery({
    queryKey: ["connectors", "count", "", {}],
    queryFn: ({ signal }) => must(api.GET("/api/connectors", { params: { query: { limit: 1, total: true } }, signal })),
    select: (page) => page.total ?? page.items.length,
    staleTime: 60_000,
  });
}

export function useConnector(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["connectors", "one", id],
    queryFn: ({ signal }) => must(api.GET("/api/connectors/{id}", { params: { path: { id } }, signal })),
    // What is gone does not come back.
    refetchInterval: (query) => (query.state.error && asProblem(query.state.error).problem.status === 404 ? false : often),
  });
}

/** The newest runs of all connectors, or of one. */
export function useNewestRuns(limit: number, connectorId = "") {
  const api = useApi();
  return useQuery({
    queryKey: ["runs", "newest", limit, connectorId],
    queryFn: ({ signal }) => must(api.GET("/api/runs", { params: { query: { limit, ...(connectorId && { connectorId }) } }, signal })),
    refetchInterval: often,
  });
}

/** A run; it is asked for again and again while it goes on, unless its events are followed. */
export function useRun(id: string, followed: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ["runs", "one", id],
    queryFn: ({ signal }) => must(api.GET("/api/runs/{id}", { params: { path: { id } }, signal })),
    refetchInterval: (query) => (alive(query.state.data) && !followed ? 2_000 : false),
  });
}

export function useSchedules(connectorId: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["connectors", "schedules", connectorId],
    queryFn: ({ signal }) => must(api.GET("/api/connectors/{id}/schedules", { params: { path: { id: connectorId } }, signal })),
    refetchInterval: seldom,
  });
}

/** Returns a function that makes everything below the resources be asked again. */
export function useRefresh() {
  const cache = useQueryClient();
  return useCallback(
    (...resources: ("attention" | "status" | "connectors" | "instances" | "plugins" | "runs" | "secrets")[]) => {
      for (const r of resources) void cache.invalidateQueries({ queryKey: [r] });
    },
    [cache],
  );
}
