import { Anchor, Card, SimpleGrid, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { useConnectorCount } from "../api/queries";
import { ProviderBadge, State } from "../parts/Badges";
import { count } from "../parts/words";
import { useRunStatistics } from "./RunsChart";

/** Whether all is well, in four numbers that lead to more. */
export function Glance({ status: s }: { status: Schemas["Status"] }) {
  const connectors = useConnectorCount().data;
  const day = useRunStatistics("hour").data?.total.runs;
  const engines = s.instances.filter((i) => i.role === "engine");
  const alive = engines.filter((i) => i.alive).length;
  const failed = day ? day.failed + day.interrupted : 0;
  const ended = day ? day.succeeded + day.cancelled + failed : 0;
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} component="section" aria-label="At a glance">
      <Tile label="Engines" to="/instances" value={alive}>
        <State color={alive > 0 ? "green" : "red"} text={alive > 0 ? "Alive" : "None is running"} />
        {engines.length > alive && <Text size="xs" c="dimmed">{engines.length - alive} gone</Text>}
      </Tile>
      <Tile label="Secret provider" to="/plugins" value={s.provider.name}>
        <ProviderBadge state={s.provider.state} />
      </Tile>
      <Tile label="Connectors" to="/connectors" value={connectors === undefined ? "…" : count(connectors)} />
      <Tile label="Runs in 24 hours" to="/runs" value={day ? count(ended) : "…"}>
        {day && <State color={failed > 0 ? "red" : "green"} text={failed > 0 ? `${count(failed)} failed` : "None failed"} />}
      </Tile>
    </SimpleGrid>
  );
}

function Tile({ label, to, value, children }: { label: string; to: string; value: ReactNode; children?: ReactNode }) {
  return (
    <Card withBorder padding="sm">
      <Anchor component={Link} to={to} size="sm">
        {label}
      </Anchor>
      <Text fw={700} size="xl" className="anywhere">
        {value}
      </Text>
      {children}
    </Card>
  );
}
