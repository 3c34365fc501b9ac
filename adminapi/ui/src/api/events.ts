import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Schemas } from "./client";

/** What to do with events of a stream, by their names. */
type Handlers = Record<string, (event: MessageEvent<string>) => void>;

/**
 * Follows a stream of the API for as long as somebody can see the page: a browser
 * has few connections to one server, and all tabs share them. Returns whether the
 * stream is there; while it is not, one has to ask.
 */
function useStream(path: string, enabled: boolean, handle: () => Handlers): boolean {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!enabled || typeof EventSource === "undefined") return;
    let source: EventSource | null = null;
    const stop = () => {
      source?.close();
      source = null;
      setOpen(false);
    };
    const start = () => {
      if (source || document.visibilityState === "hidden") return;
      source = new EventSource(path);
      source.onopen = () => setOpen(true);
      // The browser tries again by itself, except after a refusal.
      source.onerror = () => setOpen(false);
      for (const [name, act] of Object.entries(handle())) source.addEventListener(name, act as EventListener);
      source.addEventListener("end", stop);
    };
    const look = () => (document.visibilityState === "hidden" ? stop() : start());
    start();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      stop();
    };
    // handle is made anew at each rendering and does the same each time.
  }, [path, enabled]);
  return open;
}

const pause = 1_000; // milliseconds between two looks at what many events are about

/** Calls act at most once in a while, however often it is told to, and once more after the last time. */
export function seldomly(act: () => void, every: number): { tell: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  return {
    tell() {
      if (timer !== undefined) return;
      timer = setTimeout(
        () => {
          timer = undefined;
          last = Date.now();
          act();
        },
        Math.max(0, last + every - Date.now()),
      );
    },
    stop: () => clearTimeout(timer),
  };
}

/** Follows one run: the cache has it, and its log, as they are on the server. Returns whether it is followed. */
export function useRunEvents(id: string, enabled: boolean): boolean {
  const cache = useQueryClient();
  return useStream(`/api/runs/${encodeURIComponent(id)}/events`, enabled, () => {
    const logs = seldomly(() => void cache.invalidateQueries({ queryKey: [`run-logs ${id}`] }), pause);
    return {
      run: (e) => cache.setQueryData(["runs", "one", id], JSON.parse(e.data) as Schemas["Run"]),
      log: () => logs.tell(),
      end: () => {
        void cache.invalidateQueries({ queryKey: ["runs"] });
        logs.tell();
      },
    };
  });
}

/** Has the lists of runs and connectors asked for anew when a run has changed. Returns whether changes are heard of. */
export function useAllRunEvents(): boolean {
  const cache = useQueryClient();
  return useStream("/api/events", true, () => {
    const lists = seldomly(() => {
      for (const queryKey of [["runs", "list"], ["runs", "newest"], ["connectors", "list"]]) void cache.invalidateQueries({ queryKey });
    }, 2 * pause);
    return { run: () => lists.tell(), reset: () => lists.tell() };
  });
}
