import { Alert, Button, Group, Text } from "@mantine/core";
import { useEffect, useState } from "react";
import { useSession, type Who } from "./session";

const early = 2 * 60_000; // milliseconds before the end in which it is told

/** The end that comes first: of a session that is not used, or of any. */
function endOf(who: Who): number {
  return Math.min(...[who.expires, who.idleExpires].flatMap((t) => (t ? [Date.parse(t)] : [])), Infinity);
}

/** Tells shortly before the session ends, and lets one stay where that is possible. */
export function SessionEnd() {
  const { who, lapsed, ask } = useSession();
  const [near, setNear] = useState(false);
  const end = who ? endOf(who) : Infinity;
  useEffect(() => {
    setNear(false);
    if (lapsed || end === Infinity) return;
    let over = false;
    const timer = setTimeout(
      // Using the page has moved the end meanwhile; who asks now hears of the new one.
      () => void ask().then(() => over || setNear(true)),
      // What a timer takes at most, some 24 days, is longer than any session.
      Math.min(Math.max(0, end - early - Date.now()), 2 ** 31 - 1),
    );
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [end, lapsed, ask]);
  if (!near || lapsed || !who) return null;
  const unused = who.idleExpires !== undefined && Date.parse(who.idleExpires) === end && who.idleExpires !== who.expires;
  return (
    <Alert color="yellow" role="alert" title={`Your session ends at ${new Date(end).toLocaleTimeString()}`} mb="md">
      <Group justify="space-between" gap="xs">
        <Text size="sm">
          {unused ? "Nobody has used this page for a while." : "It has reached its longest time. You will be asked to sign in again; save what you are at."}
        </Text>
        {unused && (
          <Button size="xs" onClick={() => void ask()}>
            Stay signed in
          </Button>
        )}
      </Group>
    </Alert>
  );
}
