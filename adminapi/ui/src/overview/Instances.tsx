import { Text } from "@mantine/core";
import type { Schemas } from "../api/client";
import { State, When } from "../parts/Badges";
import { Listing } from "../parts/Listing";

/** The processes of the product, the living ones first. */
export function Instances({ instances }: { instances: Schemas["Instance"][] }) {
  const rows = [...instances].sort((a, b) => Number(b.alive) - Number(a.alive));
  return (
    <Listing
      label="Processes"
      rows={rows}
      id={(i) => `${i.role} ${i.name} ${i.machine} ${i.started}`}
      columns={[
        {
          header: "Process",
          cell: (i) => (
            <>
              {i.role === "engine" ? "Engine" : "Admin API"} <Text span inherit c="dimmed">{i.version}</Text>
              <Text size="xs" c="dimmed">{i.name === i.machine ? i.name : `${i.name} on ${i.machine}`}</Text>
            </>
          ),
        },
        { header: "State", cell: (i) => <State color={i.alive ? "green" : "gray"} text={i.alive ? "Alive" : "Gone"} /> },
        { header: "Heard of", cell: (i) => <When time={i.lastHeartbeat} /> },
        {
          header: "Secrets from",
          cell: (i) => (
            <>
              {i.provider}
              {i.reload.problem && <Text size="xs" c="red">{i.reload.problem}</Text>}
            </>
          ),
        },
      ]}
    />
  );
}
