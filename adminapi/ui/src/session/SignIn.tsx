import { Alert, Button, Center, Code, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { connect, must } from "../api/client";
import { asProblem, type ProblemError } from "../api/problem";
import { ProblemAlert } from "../parts/ProblemAlert";
import { useSession } from "./session";

export function SignIn() {
  const session = useSession();
  const field = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);
  const [missing, setMissing] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  useEffect(() => {
    document.title = "Sign in · IdentityMesh";
    field.current?.focus();
  }, []);

  async function submit(e: FormEvent) {
    e.preventDefault();
    const token = field.current?.value.trim() ?? "";
    setMissing(token === "");
    setProblem(null);
    if (token === "") {
      field.current?.focus();
      return;
    }
    setBusy(true);
    try {
      await must(connect(token, () => {}).GET("/api/status"));
      session.signIn(token);
    } catch (thrown) {
      setProblem(asProblem(thrown));
      setBusy(false);
      field.current?.focus();
    }
  }

  return (
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder radius="md" p={{ base: "md", sm: "xl" }} w="100%" maw="26rem">
        <form onSubmit={submit} noValidate>
          <Stack>
            <Title order={1} size="h2">
              IdentityMesh
            </Title>
            {session.expired && (
              <Alert color="yellow" role="status" title="You were signed out">
                The Admin API no longer takes your token. Somebody may have made a new one.
              </Alert>
            )}
            <TextInput
              ref={field}
              type="password"
              label="Administrator's token"
              placeholder="imat_…"
              autoComplete="off"
              spellCheck={false}
              data-1p-ignore
              data-lpignore="true"
              error={missing ? "Enter the token" : undefined}
            />
            {problem && <ProblemAlert error={problem} title={problem.code === "sign-in-required" ? "The token was not accepted" : undefined} />}
            <Button type="submit" loading={busy}>
              Sign in
            </Button>
            <Text size="sm" c="dimmed">
              The token stands in the file <Code>admin-token</Code> in the data folder of the host. If it is lost,{" "}
              <Code>identitymesh-adminapi token reset</Code> makes a new one. It is kept until you close or reload this page.
            </Text>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
