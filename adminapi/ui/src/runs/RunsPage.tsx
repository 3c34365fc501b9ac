import { Button } from "@mantine/core";
import { Link } from "react-router";
import { must } from "../api/client";
import { often, useConnectors } from "../api/queries";
import { ChoiceFilter } from "../list/Filters";
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
  const connectors = useConnectors();
  const view = useAddressView("connectorId", "status");
  const status = statuses.find((s) => s === view.filters.status);
  const runs = useServerList(
    "runs",
    view,
    ({ status: _, sort, ...query }, signal) =>
      must(api.GET("/api/runs", { params: { query: { ...query, ...(sort && { sort: sort as "queued" }), ...(status && { status }) } }, signal })),
    often,
  );
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
            <ChoiceFilter
              label="Connector"
              value={view.filters.connectorId}
              onChange={(connectorId) => view.change({ filters: { connectorId } })}
              choices={(connectors.data?.items ?? []).map((c) => ({ value: c.id, label: c.name }))}
            />
            <ChoiceFilter label="Outcome" value={status} onChange={(to) => view.change({ filters: { status: to } })} choices={statuses} />
          </>
        }
        empty={
          <Empty title="Nothing has run yet" action={<Button component={Link} to="/connectors">Go to the connectors</Button>}>
            Choose a connector and press Run full, or give it a schedule.
          </Empty>
        }
      />
    </Page>
  );
}
