import { Button, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { connect, must } from "../api/client";
import { asProblem, type ProblemError } from "../api/problem";
import { ProblemAlert } from "../parts/ProblemAlert";
import { useSession } from "./session";

/** Takes a token and signs in with it. The token stays in the field until it was taken. */
export function SignInForm({ action = "Sign in" }: { action?: string }) {
  const session = useSession();
  const field = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [missing, setMissing] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  useEffect(() => field.current?.focus(), []);

  async function submit(e: FormEvent) {
    e.preventDefault();
    e.stopPropagation();
    const token = field.current?.value.trim() ?? "";
    setMissing(token === "");
    setProblem(null);
    if (token === "") {
      field.current?.focus();
      return;
    }
    setBusy(true);
    try {
      await must(connect({ token, lapsed: () => false, onRefused: () => {} }).GET("/api/status"));
      session.signIn(token);
    } catch (thrown) {
      setProblem(asProblem(thrown));
      setBusy(false);
      field.current?.focus();
    }
  }

  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput
          ref={field}
          type="password"
          label="Token"
          placeholder="imat_…"
          autoComplete="off"
          spellCheck={false}
          data-autofocus
          data-1p-ignore
          data-lpignore="true"
          error={missing ? "Enter the token" : undefined}
        />
        {problem && <ProblemAlert error={problem} title={problem.code === "sign-in-required" ? "The token was not accepted" : undefined} />}
        <Button type="submit" loading={busy}>
          {action}
        </Button>
      </Stack>
    </form>
  );
}
