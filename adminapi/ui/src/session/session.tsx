import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import { type Api, connect } from "../api/client";
import { ProblemError } from "../api/problem";

/**
 * The token lives in this component's memory and nowhere else: not in
 * localStorage, sessionStorage, a cookie or a URL, where other scripts, other
 * users of the computer or logs could find it. The price is that reloading the
 * page asks for it again.
 */
interface Session {
  token: string | null;
  /** True when the API stopped taking the token. */
  expired: boolean;
  signIn(token: string): void;
  signOut(): void;
}

const SessionContext = createContext<Session | null>(null);
const ApiContext = createContext<Api | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const [token, setToken] = useState<string | null>(null);
  const [expired, setExpired] = useState(false);
  const session = useMemo<Session>(
    () => ({
      token,
      expired,
      signIn(t) {
        setExpired(false);
        setToken(t);
      },
      signOut() {
        setExpired(false);
        setToken(null);
      },
    }),
    [token, expired],
  );
  const refused = useCallback(() => {
    setExpired(true);
    setToken(null);
  }, []);
  return (
    <SessionContext value={session}>
      {token === null ? children : <SignedIn key={token} token={token} refused={refused} children={children} />}
    </SessionContext>
  );
}

/** Gives each session a client and a cache of its own, so that nothing of one is left for the next. */
function SignedIn(props: { token: string; refused: () => void; children: ReactNode }) {
  const api = useMemo(() => connect(props.token, props.refused), [props.token, props.refused]);
  const [cache] = useState(newCache);
  return (
    <ApiContext value={api}>
      <QueryClientProvider client={cache}>{props.children}</QueryClientProvider>
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
