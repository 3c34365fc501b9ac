import { Button, Group, NativeSelect } from "@mantine/core";
import { Link, useSearchParams } from "react-router";
import type { Schemas } from "../api/client";
import { type RunFilter, useConnectors, useRuns } from "../api/queries";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Empty, Loading } from "../parts/States";
import { Page } from "../shell/Page";
import { RunsTable } from "./RunsTable";

const statuses: Schemas["Run"]["status"][] = ["Queued", "Running", "Succeeded", "Failed", "Interrupted", "Cancelled"];

/** Runs, newest first. The filter stands in the address, so that it can be sent to a colleague. */
export function RunsPage() {
  const [search, setSearch] = useSearchParams();
  const connectors = useConnectors();
  const connectorId = search.get("connector") ?? "";
  const status = statuses.find((s) => s === search.get("status"));
  const filter: RunFilter = { ...(connectorId && { connectorId }), ...(status && { status }) };
  const runs = useRuns(filter);
  const rows = runs.data?.pages.flatMap((p) => p.items);

  function choose(key: string, value: string) {
    const next = new URLSearchParams(search);
    if (value) next.set(key, value);
    else next.delete(key);
    setSearch(next, { replace: true });
  }

  return (
    <Page title="Runs">
      <Group component="search" gap="sm">
        <NativeSelect
          label="Connector"
          value={connectorId}
          onChange={(e) => choose("connector", e.currentTarget.value)}
          data={[{ value: "", label: "All" }, ...(connectors.data?.items ?? []).map((c) => ({ value: c.id, label: c.name }))]}
        />
        <NativeSelect
          label="Outcome"
          value={status ?? ""}
          onChange={(e) => choose("status", e.currentTarget.value)}
          data={[{ value: "", label: "All" }, ...statuses]}
        />
      </Group>
      {runs.isError && <ProblemAlert error={runs.error} onRetry={() => void runs.refetch()} />}
      {rows === undefined ? (
        !runs.isError && <Loading what="runs" />
      ) : rows.length > 0 ? (
        <RunsTable label="Runs" runs={rows} />
      ) : connectorId || status ? (
        <Empty title="No run is like that" action={<Button variant="default" onClick={() => setSearch({}, { replace: true })}>Show all runs</Button>}>
          Choose another connector or outcome.
        </Empty>
      ) : (
        <Empty title="Nothing has run yet" action={<Button component={Link} to="/connectors">Go to the connectors</Button>}>
          Choose a connector and press Run full, or give it a schedule.
        </Empty>
      )}
      {runs.hasNextPage && (
        <Group>
          <Button variant="default" onClick={() => void runs.fetchNextPage()} loading={runs.isFetchingNextPage}>
            Show older runs
          </Button>
        </Group>
      )}
    </Page>
  );
}
