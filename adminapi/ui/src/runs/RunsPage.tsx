import { Button } from "@mantine/core";
import { Link } from "react-router";
import { must } from "../api/client";
import { useAllRunEvents } from "../api/events";
import { often, seldom } from "../api/queries";
import { ConnectorFilter } from "../connectors/ConnectorFilter";
import { ChoiceFilter, TextFilter, TimeFilter } from "../list/Filters";
import { ServerList } from "../list/ServerList";
import { useServerList } from "../list/useServerList";
import { useAddressView } from "../list/view";
import { Empty } from "../parts/States";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { runColumns, statuses } from "./columns";

/** Runs, newest first. */
export function RunsPage() {
  const api = useApi();
  const live = useAllRunEvents();
  const view = useAddressView("connectorId", "status", "kind", "trigger", "reason", "from", "to");
  const runs = useServerList("runs", view, (query, signal) => must(api.GET("/api/runs", { params: { query }, signal })), live ? seldom : often);
  const set = (filters: typeof view.filters) => view.change({ filters });
  return (
    <Page title="Runs">
      <ServerList
        what="runs"
        view={view}
        query={runs}
        id={(r) => r.id}
        columns={runColumns}
        filters={
          <>
            <ConnectorFilter value={view.filters.connectorId} onChange={(connectorId) => set({ connectorId })} />
            <ChoiceFilter label="Outcome" value={view.filters.status} onChange={(status) => set({ status })} choices={statuses} />
            <ChoiceFilter label="Kind" value={view.filters.kind} onChange={(kind) => set({ kind })} choices={["full", "delta", "test"]} />
            <ChoiceFilter
              label="Asked for by"
              value={view.filters.trigger}
              onChange={(trigger) => set({ trigger })}
              choices={[{ value: "schedule", label: "A schedule" }, { value: "manual", label: "An operator" }]}
              all="Anybody"
            />
          </>
        }
        more={{
          of: ["reason", "from", "to"],
          fields: (
            <>
              <TextFilter label="Reason" placeholder="ACCESS_DENIED" value={view.filters.reason} onChange={(reason) => set({ reason })} />
              <TimeFilter label="From" value={view.filters.from} onChange={(from) => set({ from })} />
              <TimeFilter label="Until" value={view.filters.to} onChange={(to) => set({ to })} />
            </>
          ),
        }}
        empty={
          <Empty title="Nothing has run yet" action={<Button component={Link} to="/connectors">Go to the connectors</Button>}>
            Choose a connector and press Run full, or give it a schedule.
          </Empty>
        }
      />
    </Page>
  );
}
