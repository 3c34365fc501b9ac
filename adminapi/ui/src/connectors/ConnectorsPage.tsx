import { Anchor, Button, Group, Menu, Pagination, Text, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { useConnectors, useLastRun, useNewestRuns } from "../api/queries";
import { RunBadge, State, When } from "../parts/Badges";
import { Listing } from "../parts/Listing";
import { Empty, Loaded } from "../parts/States";
import { count } from "../parts/words";
import { useMay } from "../session/may";
import { Page } from "../shell/Page";
import { useConnectorActions, useConnectorTest } from "./actions";

type Connector = Schemas["Connector"];
type Run = Schemas["Run"];

const perPage = 25;

export function ConnectorsPage() {
  const connectors = useConnectors();
  const may = useMay();
  return (
    <Page
      title="Connectors"
      actions={
        may("connectors.write") && (
          <Button component={Link} to="/connectors/new">
            Create a connector
          </Button>
        )
      }
    >
      <Loaded query={connectors} what="connectors">
        {(all) =>
          all.items.length > 0 ? (
            <Connectors all={all.items} />
          ) : (
            <Empty title="Nothing is connected yet" action={may("connectors.write") && <Button component={Link} to="/connectors/new">Create the first connector</Button>}>
              A connector reads one directory or database. Have its address at hand, and the account that may read it; its password becomes a secret.
            </Empty>
          )
        }
      </Loaded>
    </Page>
  );
}

function Connectors({ all }: { all: Connector[] }) {
  const newest = useNewestRuns(200);
  const { test, dialog } = useConnectorTest();
  const [search, setSearch] = useState("");
  const [page, setPage] = useState(1);
  const last = useMemo(() => {
    const out = new Map<string, Run>();
    for (const r of newest.data?.items ?? []) if (!out.has(r.connectorId)) out.set(r.connectorId, r);
    return out;
  }, [newest.data]);
  const wanted = search.trim().toLowerCase();
  const found = wanted ? all.filter((c) => c.name.toLowerCase().includes(wanted) || c.type.includes(wanted)) : all;
  const pages = Math.max(1, Math.ceil(found.length / perPage));
  const here = Math.min(page, pages);
  const complete = newest.isSuccess && !newest.data.next;

  return (
    <>
      <Group justify="space-between">
        <TextInput
          aria-label="Find by name or type"
          placeholder="Find by name or type"
          value={search}
          onChange={(e) => {
            setSearch(e.currentTarget.value);
            setPage(1);
          }}
          maw="24rem"
          flex={1}
        />
        <Text size="sm" c="dimmed" role="status">
          {found.length === all.length ? count(all.length) : `${count(found.length)} of ${count(all.length)}`} connectors
        </Text>
      </Group>
      <Listing
        label="Connectors"
        rows={found.slice((here - 1) * perPage, here * perPage)}
        id={(c) => c.id}
        columns={[
          {
            header: "Name",
            cell: (c) => (
              <Anchor component={Link} to={`/connectors/${c.id}`} inherit>
                {c.name}
              </Anchor>
            ),
          },
          { header: "Type", cell: (c) => c.type },
          { header: "State", cell: (c) => <State color={c.enabled ? "green" : "gray"} text={c.enabled ? "Enabled" : "Disabled"} /> },
          { header: "Last run", cell: (c) => <LastRun connector={c} known={last.get(c.id)} ask={newest.isSuccess && !complete} settled={complete} /> },
          { header: "Actions", cell: (c) => <Actions connector={c} onTest={() => test(c)} /> },
        ]}
      />
      {found.length === 0 && <Text c="dimmed">No connector is like that.</Text>}
      {pages > 1 && (
        <Pagination
          total={pages}
          value={here}
          onChange={setPage}
          getItemProps={(n) => ({ "aria-label": `Page ${n}` })}
          getControlProps={(which) => ({ "aria-label": `${which} page` })}
        />
      )}
      {dialog}
    </>
  );
}

/** The newest run. Those of the newest of all are known already; only the others are asked for. */
function LastRun({ connector, known, ask, settled }: { connector: Connector; known: Run | undefined; ask: boolean; settled: boolean }) {
  const asked = useLastRun(connector.id, ask && !known);
  const run = known ?? asked.data?.items[0];
  if (!run) return <Text inherit c="dimmed">{settled || asked.isSuccess ? "never" : "…"}</Text>;
  return (
    <Group gap="xs">
      <Anchor component={Link} to={`/runs/${run.id}`} inherit underline="never" aria-label={`Last run: ${run.status}`}>
        <RunBadge status={run.status} />
      </Anchor>
      <When time={run.queued} />
    </Group>
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
