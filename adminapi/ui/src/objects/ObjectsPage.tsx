import { Anchor, Button } from "@mantine/core";
import { Link } from "react-router";
import { must } from "../api/client";
import { ConnectorFilter } from "../connectors/ConnectorFilter";
import { ChoiceFilter, TextFilter } from "../list/Filters";
import { ServerList } from "../list/ServerList";
import { useServerList } from "../list/useServerList";
import { useAddressView } from "../list/view";
import { State, When } from "../parts/Badges";
import { Empty } from "../parts/States";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";

/** What was imported. */
export function ObjectsPage() {
  const api = useApi();
  const view = useAddressView("connectorId", "type", "present");
  const query = useServerList("objects", view, (q, signal) => must(api.GET("/api/objects", { params: { query: q }, signal })));
  const set = (filters: typeof view.filters) => view.change({ filters });
  return (
    <Page title="Objects">
      <ServerList
        what="objects"
        view={view}
        query={query}
        id={(o) => String(o.id)}
        search="Find by a part of any value"
        filters={
          <>
            <ConnectorFilter value={view.filters.connectorId} onChange={(connectorId) => set({ connectorId })} />
            <TextFilter label="Type" placeholder="user" value={view.filters.type} onChange={(type) => set({ type })} />
            <ChoiceFilter
              label="State"
              value={view.filters.present}
              onChange={(present) => set({ present })}
              choices={[{ value: "true", label: "In the source" }, { value: "false", label: "Gone" }]}
            />
          </>
        }
        empty={
          <Empty title="Nothing was imported yet" action={<Button component={Link} to="/connectors">Go to the connectors</Button>}>
            Objects come from a run: choose a connector and press Run full.
          </Empty>
        }
        columns={[
          {
            header: "Name",
            cell: (o) => (
              <Anchor component={Link} to={`/objects/${o.id}`} inherit>
                {o.name}
              </Anchor>
            ),
          },
          { header: "Type", cell: (o) => o.type },
          {
            header: "Connector",
            cell: (o) => (
              <Anchor component={Link} to={`/connectors/${o.connectorId}`} inherit>
                {o.connectorName}
              </Anchor>
            ),
          },
          { header: "State", cell: (o) => <Presence present={o.present} /> },
          { header: "Known since", sort: "firstSeen", cell: (o) => <When time={o.firstSeen} /> },
          { header: "Changed", cell: (o) => <When time={o.lastChanged} /> },
        ]}
      />
    </Page>
  );
}

export function Presence({ present }: { present: boolean }) {
  return <State color={present ? "green" : "gray"} text={present ? "In the source" : "Gone"} />;
}
