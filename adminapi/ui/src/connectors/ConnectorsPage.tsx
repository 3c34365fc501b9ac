import { Anchor, Button, Group, Menu, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { must, type Schemas } from "../api/client";
import { seldom, useConnectorTypes } from "../api/queries";
import { Trend } from "../chart/Trend";
import { ChoiceFilter } from "../list/Filters";
import { ServerList } from "../list/ServerList";
import { useServerList } from "../list/useServerList";
import { useAddressView } from "../list/view";
import { RunBadge, State, When } from "../parts/Badges";
import { Empty } from "../parts/States";
import { duration } from "../parts/words";
import { statuses } from "../runs/columns";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { useConnectorActions, useConnectorTest } from "./actions";

type Connector = Schemas["ListedConnector"];

export function ConnectorsPage() {
  const api = useApi();
  const may = useMay();
  const types = useConnectorTypes();
  const view = useAddressView("type", "status", "enabled");
  const query = useServerList("connectors", view, (q, signal) => must(api.GET("/api/connectors", { params: { query: q }, signal })), seldom);
  const { q, filters } = view;
  const counted = useQuery({
    // Counting looks at each of them, so it is done less often than looking at a page.
    queryKey: ["connectors", "count", q, filters],
    queryFn: ({ signal }) =>
      must(api.GET("/api/connectors", { params: { query: { ...(filters as Partial<Record<string, never>>), ...(q && { q }), limit: 1, total: true } }, signal })),
    staleTime: 60_000,
  });
  const { test, dialog } = useConnectorTest();
  const total = counted.data?.total;
  const create = (text: string) =>
    may("connectors.write") && (
      <Button component={Link} to="/connectors/new">
        {text}
      </Button>
    );
  return (
    <Page title="Connectors" actions={create("Create a connector")}>
      <ServerList
        what="connectors"
        view={view}
        query={{ ...query, data: query.data && { ...query.data, ...(total !== undefined && { total }) } }}
        id={(c) => c.id}
        search="Find by name"
        filters={
          <>
            <ChoiceFilter label="Type" value={filters.type} onChange={(type) => view.change({ filters: { type } })} choices={(types.data?.items ?? []).map((t) => t.name)} />
            <ChoiceFilter label="Last run" value={filters.status} onChange={(status) => view.change({ filters: { status } })} choices={["Never", ...statuses]} />
            <ChoiceFilter
              label="State"
              value={filters.enabled}
              onChange={(enabled) => view.change({ filters: { enabled } })}
              choices={[{ value: "true", label: "Enabled" }, { value: "false", label: "Disabled" }]}
            />
          </>
        }
        empty={
          <Empty title="Nothing is connected yet" action={create("Create the first connector")}>
            A connector reads one directory or database. Have its address at hand, and the account that may read it; its password becomes a secret.
          </Empty>
        }
        columns={[
          {
            header: "Name",
            sort: "name",
            cell: (c) => (
              <Anchor component={Link} to={`/connectors/${c.id}`} inherit>
                {c.name}
              </Anchor>
            ),
          },
          { header: "Type", sort: "type", cell: (c) => c.type },
          { header: "State", cell: (c) => <State color={c.enabled ? "green" : "gray"} text={c.enabled ? "Enabled" : "Disabled"} /> },
          { header: "Last run", sort: "lastRun", cell: (c) => <LastRun run={c.state.lastRun} /> },
          { header: "Next run", sort: "nextRun", cell: (c) => (c.state.nextRun ? <When time={c.state.nextRun} /> : <Text inherit c="dimmed">none</Text>) },
          { header: "Trend", cell: (c) => <RunTrend runs={c.state.trend} /> },
          { header: "Actions", cell: (c) => <Actions connector={c} onTest={() => test(c)} /> },
        ]}
      />
      {dialog}
    </Page>
  );
}

function LastRun({ run }: { run: Schemas["LastRun"] | undefined }) {
  if (!run) return <Text inherit c="dimmed">never</Text>;
  return (
    <>
      <Group gap="xs">
        <Anchor component={Link} to={`/runs/${run.id}`} inherit underline="never" aria-label={`Last run: ${run.status}`}>
          <RunBadge status={run.status} />
        </Anchor>
        <When time={run.queued} />
      </Group>
      {run.reason && <Text size="xs" c="dimmed" lineClamp={2} title={run.error}>{run.reason}</Text>}
    </>
  );
}

/** How long the last runs took, and which did not succeed. */
function RunTrend({ runs }: { runs: Schemas["EndedRun"][] }) {
  const failed = runs.filter((r) => r.status !== "Succeeded").length;
  const longest = Math.max(0, ...runs.map((r) => r.durationSeconds));
  return (
    <Trend
      words={`The last ${runs.length} runs: ${failed} did not succeed, the longest took ${duration(longest)}`}
      bars={runs.map((r) => ({ size: r.durationSeconds, tone: r.status === "Succeeded" ? "good" : r.status === "Cancelled" ? "plain" : "bad" }))}
    />
  );
}

function Actions({ connector: c, onTest }: { connector: Connector; onTest: () => void }) {
  const { busy, start, enable } = useConnectorActions();
  const may = useMay();
  if (!may("runs.start") && !may("connectors.test") && !may("connectors.write")) return null;
  return (
    <Menu position="bottom-end" withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <Button size="compact-xs" variant="default" loading={busy} aria-label={`Actions for ${c.name}`}>
          Actions
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {may("runs.start") && (
          <>
            <Menu.Item disabled={!c.enabled} onClick={() => void start(c, "delta")}>
              Run delta
            </Menu.Item>
            <Menu.Item disabled={!c.enabled} onClick={() => void start(c, "full")}>
              Run full
            </Menu.Item>
          </>
        )}
        {may("connectors.test") && <Menu.Item onClick={onTest}>Test</Menu.Item>}
        {may("connectors.write") && (
          <>
            <Menu.Divider />
            <Menu.Item component={Link} to={`/connectors/${c.id}/edit`}>
              Edit
            </Menu.Item>
            <Menu.Item onClick={() => void enable(c, !c.enabled)}>{c.enabled ? "Disable" : "Enable"}</Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
