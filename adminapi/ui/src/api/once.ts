import { useRef } from "react";
import { asProblem } from "./problem";

/**
 * Returns a function that carries out a creation under an Idempotency-Key. When no
 * answer came, nobody knows whether it was done; pressing the button again then
 * sends the same key, so that nothing is created twice. Any answer, and any other
 * input, ends the use of a key.
 */
export function useOnce(): <T>(input: unknown, create: (header: { "Idempotency-Key": string }) => Promise<T>) => Promise<T> {
  const open = useRef<{ input: string; key: string } | null>(null);
  return async (input, create) => {
    const text = JSON.stringify(input);
    if (open.current?.input !== text) open.current = { input: text, key: randomKey() };
    try {
      const made = await create({ "Idempotency-Key": open.current.key });
      open.current = null;
      return made;
    } catch (thrown) {
      if (asProblem(thrown).problem.status !== 0) open.current = null;
      throw thrown;
    }
  };
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}
