import { Button, Menu } from "@mantine/core";
import { useAction } from "../parts/useAction";
import { useSession } from "../session/session";

/** Who is signed in, and the ways out. */
export function Account() {
  const { who, signOut, signOutEverywhere } = useSession();
  const { busy, run } = useAction();
  if (!who) return null;
  const leave = (how: () => Promise<void>) => void run(async () => (await how(), "You are signed out."));
  return (
    <Menu position="bottom-end" withInitialFocusPlaceholder={false} width="15rem">
      <Menu.Target>
        <Button variant="default" size="xs" loading={busy} maw="12rem" aria-label={`Signed in as ${who.name}, ${who.role}`}>
          {who.name}
          <span aria-hidden>&nbsp;▾</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label className="anywhere">
          {who.name} ({who.role})
        </Menu.Label>
        {who.id ? (
          <Menu.Item onClick={() => leave(signOut)}>Sign out</Menu.Item>
        ) : (
          <Menu.Label>Your browser signs in with each request; close it to sign out.</Menu.Label>
        )}
        {who.id && <Menu.Item onClick={() => leave(signOutEverywhere)}>Sign out everywhere</Menu.Item>}
      </Menu.Dropdown>
    </Menu>
  );
}
