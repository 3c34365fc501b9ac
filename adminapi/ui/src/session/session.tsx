import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from "react";
import { type Api, connect, must, type Schemas } from "../api/client";
import { asProblem, ProblemError } from "../api/problem";
import { watchAttendance } from "./attended";

/** Who is signed in, what he may do, and until when. */
export type Who = Schemas["Session"];

/**
 * The session is a cookie that no script can read; here is only what the API says
 * about it. A token is sent once, to begin the session, and is not kept.
 */
interface Session {
  who: Who | null;
  /** True until it is known whether somebody is signed in. */
  asking: boolean;
  /** Why that could not be found out. */
  problem: ProblemError | null;
  /** True when the session has ended: the page stays as it is until somebody signs in again. */
  lapsed: boolean;
  /** Begins a session with a token. */
  signIn(token: string): Promise<void>;
  /** Asks again who is signed in, in the hope that somebody is. */
  ask(): Promise<void>;
  signOut(): Promise<void>;
  /** Ends one's sessions in all browsers. */
  signOutEverywhere(): Promise<void>;
  /** Goes back to the sign-in page without asking anybody. */
  leave(): void;
}

interface State {
  who: Who | null;
  asking: boolean;
  problem: ProblemError | null;
  lapsed: boolean;
}

const SessionContext = createContext<Session | null>(null);
const ApiContext = createContext<Api | null>(null);

const nobody: State = { who: null, asking: false, problem: null, lapsed: false };

export function SessionProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<State>({ ...nobody, asking: true });
  const now = useRef(state);
  now.current = state;
  const attendance = useRef<ReturnType<typeof watchAttendance> | null>(null);
  useEffect(() => {
    const watch = watchAttendance();
    attendance.current = watch;
    return watch.stop;
  }, []);

  const api = useMemo(
    () =>
      connect({
        lapsed: () => now.current.lapsed,
        unattended: () => attendance.current?.unattended() ?? false,
        onRefused: () => setState((old) => (old.who ? { ...old, lapsed: true } : old)),
      }),
    [],
  );
  const does = useMemo(() => {
    const enter = (who: Who) => setState({ ...nobody, who });
    return {
      async signIn(token: string) {
        enter(await must(api.POST("/api/session", { body: { token } })));
      },
      async ask() {
        try {
          enter(await must(api.GET("/api/session")));
        } catch (thrown) {
          const problem = asProblem(thrown);
          // That nobody is signed in is no problem; that he cannot be found out for a moment ends no session.
          if (problem.problem.status === 401) setState((old) => (old.who ? { ...old, lapsed: true } : nobody));
          else setState((old) => (old.who ? old : { ...nobody, problem }));
        }
      },
      async signOut() {
        await must(api.DELETE("/api/session"));
        setState(nobody);
      },
      async signOutEverywhere() {
        await must(api.DELETE("/api/sessions"));
        setState(nobody);
      },
      leave() {
        setState(nobody);
      },
    };
  }, [api]);
  useEffect(() => void does.ask(), [does]);

  const session = useMemo<Session>(() => ({ ...state, ...does }), [state, does]);
  const who = state.who;
  return (
    <SessionContext value={session}>
      <ApiContext value={api}>
        {who === null ? children : <SignedIn key={`${who.kind} ${who.name} ${who.role}`} lapsed={state.lapsed} children={children} />}
      </ApiContext>
    </SessionContext>
  );
}

/**
 * Gives each operator a cache of his own, so that nothing of one is left for the
 * next. Who signs in again finds what he left, and everything is asked for anew.
 */
function SignedIn({ lapsed, children }: { lapsed: boolean; children: ReactNode }) {
  const [cache] = useState(newCache);
  const before = useRef(lapsed);
  useEffect(() => {
    if (before.current && !lapsed) void cache.invalidateQueries();
    before.current = lapsed;
  }, [lapsed, cache]);
  return <QueryClientProvider client={cache}>{children}</QueryClientProvider>;
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
  if (!api) throw new Error("no SessionProvider around");
  return api;
}
