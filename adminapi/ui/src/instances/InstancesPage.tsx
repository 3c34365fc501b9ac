import { Alert, Anchor, Button, Group, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { must, type Schemas } from "../api/client";
import { seldom } from "../api/queries";
import { PluginLink } from "../plugins/PluginLink";
import { localPage } from "../list/local";
import { ServerList } from "../list/ServerList";
import { useAddressView } from "../list/view";
import { ProviderBadge, State, When } from "../parts/Badges";
import { Confirm } from "../parts/Confirm";
import { useNotices } from "../parts/Notices";
import { Empty, Loaded } from "../parts/States";
import { useAction } from "../parts/useAction";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";

type Instance = Schemas["InstanceDetail"];

const roles: Record<Instance["role"], string> = { engine: "Engine", adminapi: "Admin API" };

/** The processes of the product: whether they live, what they do, and which secret store they use. */
export function InstancesPage() {
  const api = useApi();
  const instances = useQuery({ queryKey: ["instances"], queryFn: ({ signal }) => must(api.GET("/api/instances", { signal })), refetchInterval: seldom });
  const view = useAddressView();
  const may = useMay();
  const [forgetting, setForgetting] = useState<Instance | null>(null);
  const acts = may("provider.reload") || may("settings.write");
  return (
    <Page title="Instances">
      <Loaded query={instances} what="the instances">
        {(all) => (
          <>
            {!all.items.some((i) => i.role === "engine" && i.alive) && (
              <Alert color="orange" role="status" title="No engine is running">
                Runs stay queued until one starts. What to do: start identitymesh-engine on a host that uses this database.
              </Alert>
            )}
            <ServerList
              what="instances"
              view={view}
              query={{
                ...instances,
                data: localPage(all.items, view, {
                  words: (i) => `${i.name} ${i.machine} ${i.version} ${i.provider} ${roles[i.role]}`,
                  by: { name: (i) => i.name, machine: (i) => i.machine, version: (i) => i.version, heard: (i) => i.lastHeartbeat, provider: (i) => i.provider },
                }),
              }}
              id={(i) => `${i.role} ${i.name}`}
              search="Find by name, host or version"
              empty={<Empty title="No process has reported yet">Start identitymesh-engine on a host that uses this database.</Empty>}
              columns={[
                {
                  header: "Instance",
                  sort: "name",
                  cell: (i) => (
                    <>
                      {i.name} <State color={i.alive ? "green" : "gray"} text={i.alive ? "Alive" : "Gone"} />
                      <Text size="xs" c="dimmed">{roles[i.role]} on {i.machine}</Text>
                    </>
                  ),
                },
                { header: "Version", sort: "version", cell: (i) => i.version },
                {
                  header: "Heard of",
                  sort: "heard",
                  cell: (i) => (
                    <>
                      <When time={i.lastHeartbeat} />
                      <Text size="xs" c="dimmed">up since <When time={i.started} /></Text>
                    </>
                  ),
                },
                { header: "Secrets from", sort: "provider", cell: (i) => <Store instance={i} /> },
                {
                  header: "Works on",
                  cell: (i) =>
                    i.runs.map((r) => (
                      <div key={r.id}>
                        <Anchor component={Link} to={`/runs/${r.id}`} inherit>
                          {r.connectorName}
                        </Anchor>
                      </div>
                    )),
                },
                ...(acts ? [{ header: "Actions", cell: (i: Instance) => <Actions instance={i} onForget={() => setForgetting(i)} /> }] : []),
              ]}
            />
          </>
        )}
      </Loaded>
      {forgetting && <Forget instance={forgetting} onClose={() => setForgetting(null)} />}
    </Page>
  );
}

/** The provider in force there, and how its last reload went. */
function Store({ instance: i }: { instance: Instance }) {
  return (
    <>
      <PluginLink name={i.provider} />{" "}
      {i.plugin && <ProviderBadge state={i.plugin.state} />}
      {i.providerTarget && <Text size="xs" c="dimmed" className="anywhere">{i.providerTarget}</Text>}
      {i.reload.pending && <Text size="xs">A reload was asked for and is not done yet.</Text>}
      {i.reload.problem && <Text size="xs" c="red">The last reload failed: {i.reload.problem}</Text>}
    </>
  );
}

function Actions({ instance: i, onForget }: { instance: Instance; onForget: () => void }) {
  const api = useApi();
  const may = useMay();
  const cache = useQueryClient();
  const { busy, run } = useAction();
  const reload = () =>
    run(async () => {
      await must(api.POST("/api/instances/{role}/{name}/reload", { params: { path: { role: i.role, name: i.name } } }));
      void cache.invalidateQueries({ queryKey: ["instances"] });
      return `${i.name} was asked to reload its secret provider; how it went shows here in a moment.`;
    });
  return (
    <Group gap={6}>
      {i.alive && may("provider.reload") && (
        <Button size="compact-xs" variant="default" loading={busy} onClick={() => void reload()} aria-label={`Reload ${i.name}`}>
          Reload
        </Button>
      )}
      {!i.alive && may("settings.write") && (
        <Button size="compact-xs" variant="light" color="red" onClick={onForget} aria-label={`Forget ${i.name}`}>
          Forget
        </Button>
      )}
    </Group>
  );
}

function Forget({ instance: i, onClose }: { instance: Instance; onClose: () => void }) {
  const api = useApi();
  const cache = useQueryClient();
  const notices = useNotices();
  return (
    <Confirm
      title="Forget the instance"
      typed={i.name}
      action="Forget"
      onClose={onClose}
      onConfirm={async () => {
        await must(api.DELETE("/api/instances/{role}/{name}", { params: { path: { role: i.role, name: i.name } } }));
        await cache.invalidateQueries({ queryKey: ["instances"] });
        notices.done(`${i.name} was forgotten.`);
      }}
    >
      <Text size="sm">It ended without saying so. If it comes back, it is listed again; nothing else is lost.</Text>
    </Confirm>
  );
}
