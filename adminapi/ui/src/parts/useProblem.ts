import { useCallback, useEffect, useRef, useState } from "react";
import { useNotices } from "./Notices";

/** Why the last try of a dialog failed, null for none. When the dialog was closed before that was known, a notice tells it. */
export function useProblem(): [unknown, (problem: unknown) => void] {
  const { failed } = useNotices();
  const [problem, setProblem] = useState<unknown>(null);
  const closed = useRef(false);
  useEffect(() => {
    closed.current = false;
    return () => {
      closed.current = true;
    };
  }, []);
  const tell = useCallback((thrown: unknown) => (closed.current ? failed(thrown) : setProblem(thrown)), [failed]);
  return [problem, tell];
}
