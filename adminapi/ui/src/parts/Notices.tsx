import { Affix, Alert, Stack } from "@mantine/core";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useRef, useState } from "react";
import { ProblemAlert } from "./ProblemAlert";

interface Notices {
  /** Says that something was done. It goes away by itself. */
  done(text: string): void;
  /** Shows why something was not done, until it is closed. */
  failed(error: unknown): void;
}

const NoticesContext = createContext<Notices | null>(null);

interface Notice {
  id: number;
  text?: string;
  error?: unknown;
}

const shown = 6_000; // milliseconds

/** Tells outcomes of actions in a corner; screen readers hear them. */
export function NoticesProvider({ children }: { children: ReactNode }) {
  const [all, setAll] = useState<Notice[]>([]);
  const next = useRef(0);
  const close = useCallback((id: number) => setAll((old) => old.filter((n) => n.id !== id)), []);
  const notices = useMemo<Notices>(() => {
    const add = (n: Omit<Notice, "id">) => {
      const id = next.current++;
      setAll((old) => [...old.slice(-2), { ...n, id }]);
      return id;
    };
    return {
      done(text) {
        const id = add({ text });
        setTimeout(() => close(id), shown);
      },
      failed(error) {
        add({ error });
      },
    };
  }, [close]);
  return (
    <NoticesContext value={notices}>
      {children}
      <Affix position={{ bottom: 16, right: 16 }} w="min(26rem, calc(100vw - 32px))">
        <Stack gap="xs" aria-live="polite">
          {all.map((n) =>
            n.text === undefined ? (
              <div key={n.id} className="raised">
                <ProblemAlert error={n.error} onClose={() => close(n.id)} />
              </div>
            ) : (
              <Alert key={n.id} color="green" className="raised" withCloseButton closeButtonLabel="Close" onClose={() => close(n.id)}>
                {n.text}
              </Alert>
            ),
          )}
        </Stack>
      </Affix>
    </NoticesContext>
  );
}

export function useNotices(): Notices {
  const notices = useContext(NoticesContext);
  if (!notices) throw new Error("no NoticesProvider around");
  return notices;
}
