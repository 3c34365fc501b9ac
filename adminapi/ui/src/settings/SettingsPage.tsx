import { Alert, Checkbox, List, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { must, type Schemas } from "../api/client";
import { localPage } from "../list/local";
import { ServerList } from "../list/ServerList";
import { useAddressView } from "../list/view";
import { Empty, Loaded } from "../parts/States";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";

type Setting = Schemas["Setting"];
type Difference = Schemas["Difference"];

/** The settings that the Admin API's process goes by, and where each of them comes from. */
export function SettingsPage() {
  const api = useApi();
  const settings = useQuery({ queryKey: ["settings"], queryFn: ({ signal }) => must(api.GET("/api/settings", { signal })) });
  const view = useAddressView("set");
  const changed = view.filters.set === "true";
  const s = settings.data;
  const rows = (s?.items ?? []).filter((x) => !changed || !x.default);
  return (
    <Page title="Settings">
      <Text size="sm" c="dimmed">
        What this Admin API goes by. It is changed in the settings files of the host, not here; the section Secrets is read again by Reload, all else when the service
        starts.
      </Text>
      <Loaded query={settings} what="the settings">
        {(got) => (
          <>
            <Differences all={got.differences} />
            <dl className="facts">
              <dt>Environment</dt>
              <dd>{got.environment}</dd>
              <dt>Files, the weakest first</dt>
              <dd>{got.files.length > 0 ? got.files.map((f) => <div key={f} className="mono">{f}</div>) : "none: everything has its default"}</dd>
            </dl>
            <ServerList
              what="settings"
              view={view}
              query={{ ...settings, data: localPage(rows, view, { words: (x) => `${x.key} ${x.text ?? ""} ${x.source}`, by: { key: (x) => x.key, source: (x) => x.source } }) }}
              id={(x) => x.key}
              search="Find by key, value or source"
              filters={<Checkbox label="Only those that somebody set" checked={changed} onChange={(e) => view.change({ filters: { set: e.currentTarget.checked ? "true" : "" } })} py={8} />}
              empty={<Empty title="Nothing was set">Everything has its default. docs/configuration.md lists what can be set.</Empty>}
              columns={[
                { header: "Key", sort: "key", cell: (x) => <span className="mono">{x.key}</span> },
                { header: "Value", cell: (x) => <Value setting={x} /> },
                { header: "Source", sort: "source", cell: (x) => (x.default ? <Text inherit c="dimmed">default</Text> : <>{x.source}{x.line ? `, line ${x.line}` : ""}</>) },
              ]}
            />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Value({ setting: x }: { setting: Setting }) {
  if (x.masked) return <Text inherit c="dimmed">not shown: it may hold a credential</Text>;
  return x.text ? <span className="mono">{x.text}</span> : <Text inherit c="dimmed">empty</Text>;
}

const whats: Record<Difference["what"], string> = { provider: "secret provider", target: "secret store", version: "version" };

function Differences({ all }: { all: Difference[] }) {
  if (all.length === 0) return null;
  return (
    <Alert color="yellow" role="status" title="Other processes are configured otherwise">
      <List size="sm">
        {all.map((d) => (
          <List.Item key={d.role + d.name + d.what}>
            {d.role} {d.name} has the {whats[d.what]} <b>{d.there}</b>, this one <b>{d.here}</b>.
          </List.Item>
        ))}
      </List>
      <Text size="sm" fw={600}>
        What to do: make the settings of all hosts equal, then restart the services. See <Link to="/instances">Instances</Link>.
      </Text>
    </Alert>
  );
}
