import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useEffect } from "react";
import { useSession } from "./session";
import { SignInForm } from "./SignInForm";

/**
 * Asks for a new sign-in above the page on which the session ended, so that what
 * was typed there is not lost. Values of secrets are: their fields wipe themselves.
 */
export function SignInAgain() {
  const { lapsed, who, ask, leave } = useSession();
  // Somebody may have signed in in another tab meanwhile.
  useEffect(() => {
    if (!lapsed) return;
    const look = () => document.visibilityState === "visible" && void ask();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [lapsed, ask]);
  return (
    <Modal opened={lapsed} onClose={() => {}} withCloseButton={false} closeOnClickOutside={false} closeOnEscape={false} title="Sign in again" zIndex={1000}>
      <Stack>
        <Text size="sm">
          Your session as {who?.name} has ended, or somebody ended it. What you typed on this page is still there, except for values of secrets; what you pressed
          last may not have been done.
        </Text>
        <SignInForm again />
        <Group>
          <Button variant="subtle" size="compact-sm" onClick={leave}>
            Leave this page
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
