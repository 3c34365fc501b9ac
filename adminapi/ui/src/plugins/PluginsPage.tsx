import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { must, type Schemas } from "../api/client";
import { seldom } from "../api/queries";
import { ProviderBadge, State } from "../parts/Badges";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { PluginLink } from "./PluginLink";

type Plugin = Schemas["KnownPlugin"];

/** The secret providers that the configuration could choose, and how each is on the instances that use it. */
export function PluginsPage() {
  const api = useApi();
  const plugins = useQuery({ queryKey: ["plugins", "list"], queryFn: ({ signal }) => must(api.GET("/api/plugins", { signal })), refetchInterval: seldom });
  return (
    <Page title="Plugins">
      <Text size="sm" c="dimmed">
        Each secret provider is a program of its own, which the services start and watch. Secrets:Provider in the settings chooses one.
      </Text>
      <Loaded query={plugins} what="the plugins">
        {(all) => (
          <Listing
            label="Plugins"
            rows={all.items}
            id={(p) => p.name}
            columns={[
              { header: "Provider", cell: (p) => <Name plugin={p} /> },
              {
                header: "State",
                cell: (p) =>
                  p.states.length > 0
                    ? p.states.map((s) => (
                        <div key={`${s.role} ${s.instance}`}>
                          <ProviderBadge state={s.alive ? s.state : "Gone"} /> <Text span size="xs" c="dimmed">{s.instance}</Text>
                        </div>
                      ))
                    : "not in use",
              },
              { header: "Restarts", cell: (p) => (p.states.length > 0 ? p.states.reduce((sum, s) => sum + s.restarts, 0) : null) },
              { header: "Version", cell: (p) => p.states.find((s) => s.version)?.version ?? p.version },
              {
                header: "File",
                cell: (p) => (
                  <>
                    <span className="mono">{p.path}</span>
                    {p.problem && <Text size="xs" c="red">{p.problem}</Text>}
                  </>
                ),
              },
            ]}
          />
        )}
      </Loaded>
    </Page>
  );
}

function Name({ plugin: p }: { plugin: Plugin }) {
  return (
    <>
      <PluginLink name={p.name} />{" "}
      {p.inForce && <State color="blue" text="In force here" />}
      {p.shipped && <Text size="xs" c="dimmed">comes with the product</Text>}
    </>
  );
}
