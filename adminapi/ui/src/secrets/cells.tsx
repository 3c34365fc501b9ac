import { Anchor, Group, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { State, When } from "../parts/Badges";
import { Explain } from "../parts/Explain";

export type ListedSecret = Schemas["SecretMetadata"];

export function SecretState({ secret: s }: { secret: Pick<ListedSecret, "missing" | "deleted" | "disabled" | "expires"> }) {
  if (s.deleted) return <State color="orange" text="Deleted" />;
  if (s.missing) return <State color="red" text="Missing" />;
  if (s.disabled) return <State color="red" text="Disabled" />;
  if (s.expires && Date.parse(s.expires) < Date.now()) return <State color="red" text="Expired" />;
  return <State color="green" text="Stored" />;
}

const most = 3;

export function UsedBy({ secret: s, all = false }: { secret: ListedSecret; all?: boolean }) {
  if (s.usedByCount === 0) return <Text inherit c="dimmed">nobody</Text>;
  const shown = s.usedBy.slice(0, all ? undefined : most);
  return (
    <>
      {shown.map((u, i) => (
        <span key={u.connectorId}>
          {i > 0 && ", "}
          <Anchor component={Link} to={`/connectors/${u.connectorId}`} inherit>
            {u.connectorName}
          </Anchor>
        </span>
      ))}
      {s.usedByCount > shown.length && ` and ${s.usedByCount - shown.length} more`}
    </>
  );
}

export function LastUse({ secret: s }: { secret: ListedSecret }) {
  if (!s.lastUsed) return <Text inherit c="dimmed">never</Text>;
  const o = s.lastOutcome;
  return (
    <Group gap={6}>
      <When time={s.lastUsed} />
      {o && (o.outcome === "OK" ? <State color="green" text="OK" /> : <Explain reason={o.outcome} />)}
      {o && o.outcome !== "OK" && (
        <Anchor component={Link} to={`/runs/${o.runId}`} size="xs">
          The run
        </Anchor>
      )}
    </Group>
  );
}
