import { Button, Divider, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { must, type Schemas } from "../api/client";
import { asProblem, type ProblemError } from "../api/problem";
import { ProblemAlert } from "../parts/ProblemAlert";
import { useApi, useSession } from "./session";

type Way = Schemas["SignInWay"];

/** The ways to sign in that are configured. again is for somebody who was signed in and would like to stay on his page. */
export function SignInForm({ again = false }: { again?: boolean }) {
  const api = useApi();
  const [ways, setWays] = useState<Way[]>([{ name: "token" }]);
  useEffect(() => {
    const abort = new AbortController();
    // The token's field is there without it; what is wrong shows when it is used.
    must(api.GET("/api/sign-in", { signal: abort.signal })).then(
      (known) => setWays(known.ways),
      () => {},
    );
    return () => abort.abort();
  }, [api]);
  const others = ways.filter((w) => w.name !== "token");
  const token = ways.some((w) => w.name === "token");
  return (
    <Stack>
      {others.map((way) => (
        <Elsewhere key={way.name} way={way} again={again} />
      ))}
      {again && others.length > 0 && (
        <Text size="sm" c="dimmed">
          Those open another tab. Come back to this one when you are signed in there.
        </Text>
      )}
      {others.length > 0 && token && <Divider label="or" />}
      {token && <TokenForm action={again ? "Go on" : "Sign in"} first={others.length === 0} />}
    </Stack>
  );
}

/** A way that leads to another page, and back to this one. */
function Elsewhere({ way, again }: { way: Way; again: boolean }) {
  const back = again ? "/" : location.pathname + location.search;
  const target = `${way.path ?? "/"}?return=${encodeURIComponent(back)}`;
  const text = way.name === "negotiate" ? "Sign in with Windows" : `Sign in with ${way.provider || "your organisation"}`;
  return (
    <Button component="a" href={target} {...(again && { target: "_blank", rel: "noopener" })}>
      {text}
    </Button>
  );
}

/** The token stays in its field until the API took it or refused it. */
function TokenForm({ action, first }: { action: string; first: boolean }) {
  const session = useSession();
  const field = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [missing, setMissing] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  useEffect(() => {
    if (first) field.current?.focus();
  }, [first]);

  async function submit(e: FormEvent) {
    e.preventDefault();
    e.stopPropagation(); // it may stand above another form
    const token = field.current?.value.trim() ?? "";
    setMissing(token === "");
    setProblem(null);
    if (token === "") {
      field.current?.focus();
      return;
    }
    setBusy(true);
    try {
      await session.signIn(token);
    } catch (thrown) {
      setProblem(asProblem(thrown));
      field.current?.focus();
    }
    setBusy(false);
    if (field.current) field.current.value = "";
  }

  return (
    <form onSubmit={submit} noValidate autoComplete="off">
      <Stack>
        <TextInput
          ref={field}
          type="password"
          label="Token"
          placeholder="imat_…"
          autoComplete="off"
          spellCheck={false}
          data-autofocus={first || undefined}
          data-1p-ignore
          data-lpignore="true"
          error={missing ? "Enter the token" : undefined}
        />
        {problem && <ProblemAlert error={problem} title={problem.code === "sign-in-required" ? "The token was not accepted" : undefined} />}
        <Button type="submit" variant={first ? "filled" : "default"} loading={busy}>
          {action}
        </Button>
      </Stack>
    </form>
  );
}
