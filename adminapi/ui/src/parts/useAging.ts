import { useEffect, useReducer } from "react";

const often = 10_000; // milliseconds
const seldom = 60_000;

/** Has what tells how long ago a time was be rendered anew every so often: nothing else changes when it grows old. */
export function useAging(time: string | undefined): void {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const every = time !== undefined && Math.abs(Date.now() - Date.parse(time)) < 2 * seldom ? often : seldom;
  useEffect(() => {
    const timer = setInterval(again, every);
    return () => clearInterval(timer);
  }, [every]);
}
