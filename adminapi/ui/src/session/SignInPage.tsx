import { Center, Code, Paper, Stack, Text, Title } from "@mantine/core";
import { useEffect } from "react";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Loading } from "../parts/States";
import { useSession } from "./session";
import { SignInForm } from "./SignInForm";

/** What is shown while nobody is signed in. */
export function SignInPage() {
  const { asking, problem, ask } = useSession();
  useEffect(() => {
    document.title = "Sign in · IdentityMesh";
  }, []);
  return (
    <Center component="main" mih="100vh" p="md">
      <Paper withBorder radius="md" p={{ base: "md", sm: "xl" }} w="100%" maw="26rem">
        <Stack>
          <Title order={1} size="h2">
            IdentityMesh
          </Title>
          {asking ? (
            <Loading what="your session" />
          ) : (
            <>
              {problem && <ProblemAlert error={problem} onRetry={() => void ask()} />}
              <SignInForm />
              <Text size="sm" c="dimmed">
                The administrator's token stands in the file <Code>admin-token</Code> in the data folder of the host. If it is lost,{" "}
                <Code>identitymesh-adminapi token reset</Code> makes a new one.
              </Text>
            </>
          )}
        </Stack>
      </Paper>
    </Center>
  );
}
