import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from "react";
import { type Api, connect } from "../api/client";
import { ProblemError } from "../api/problem";
import type { Permission } from "./may";

/** Who is signed in, and what he may do. */
export interface Who {
  name: string;
  permissions: readonly Permission[];
}

/**
 * The token lives in this component's memory and nowhere else: not in
 * localStorage, sessionStorage, a cookie or a URL, where other scripts, other
 * users of the computer or logs could find it. The price is that reloading the
 * page asks for it again.
 */
interface Session {
  who: Who | null;
  /** True when the API stopped taking what one signed in with: the page stays as it is until somebody signs in again. */
  lapsed: boolean;
  signIn(token: string): void;
  signOut(): void;
}

const SessionContext = createContext<Session | null>(null);
const ApiContext = createContext<Api | null>(null);

const everything: readonly Permission[] = [
  "connectors.read", "connectors.write", "connectors.test", "schedules.write", "runs.read", "runs.start", "runs.cancel", "objects.read", "secrets.read",
  "secrets.write", "secrets.delete", "secrets.purge", "status.read", "provider.reload", "settings.read", "audit.read", "tokens.read", "tokens.write",
  "sessions.write", "session",
];

export function SessionProvider({ children }: { children: ReactNode }) {
  const [token, setToken] = useState<string | null>(null);
  const [lapsed, setLapsed] = useState(false);
  const session = useMemo<Session>(
    () => ({
      who: token === null ? null : { name: "administrator", permissions: everything },
      lapsed,
      signIn(t) {
        setLapsed(false);
        setToken(t);
      },
      signOut() {
        setLapsed(false);
        setToken(null);
      },
    }),
    [token, lapsed],
  );
  const refused = useCallback(() => setLapsed(true), []);
  return (
    <SessionContext value={session}>
      {session.who === null || token === null ? children : (
        <SignedIn key={session.who.name} token={token} lapsed={lapsed} refused={refused} children={children} />
      )}
    </SessionContext>
  );
}

/**
 * Gives each operator a client and a cache of his own, so that nothing of one is
 * left for the next. Who signs in again finds what he left, and everything is
 * asked for anew.
 */
function SignedIn({ token, lapsed, refused, children }: { token: string; lapsed: boolean; refused: () => void; children: ReactNode }) {
  const [cache] = useState(newCache);
  const now = useRef(lapsed);
  now.current = lapsed;
  const api = useMemo(() => connect({ token, lapsed: () => now.current, onRefused: refused }), [token, refused]);
  useEffect(() => {
    if (!lapsed) void cache.invalidateQueries();
  }, [lapsed, cache]);
  return (
    <ApiContext value={api}>
      <QueryClientProvider client={cache}>{children}</QueryClientProvider>
    </ApiContext>
  );
}

export function newCache(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        // Only what may be different the next time is asked again.
        retry: (count, error) => count < 2 && error instanceof ProblemError && (error.problem.status === 0 || error.problem.status === 503),
      },
    },
  });
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("no SessionProvider around");
  return session;
}

export function useApi(): Api {
  const api = useContext(ApiContext);
  if (!api) throw new Error("nobody is signed in");
  return api;
}
