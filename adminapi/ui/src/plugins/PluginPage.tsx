import { Alert, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { must, type Schemas } from "../api/client";
import { seldom } from "../api/queries";
import { Loaded } from "../parts/States";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { OnInstance } from "./OnInstance";
import { TryConfig } from "./TryConfig";

type Detail = Schemas["PluginDetail"];

export function PluginPage() {
  const { name = "" } = useParams();
  const api = useApi();
  const may = useMay();
  const plugin = useQuery({
    queryKey: ["plugins", "one", name],
    queryFn: ({ signal }) => must(api.GET("/api/plugins/{name}", { params: { path: { name } }, signal })),
    refetchInterval: seldom,
  });
  return (
    <Page title={plugin.data?.name ?? name}>
      <Loaded query={plugin} what="the plugin">
        {(p) => (
          <>
            {p.problem && (
              <Alert color="red" role="status" title="It cannot be started">
                <Text size="sm" className="anywhere">{p.problem}</Text>
              </Alert>
            )}
            <Facts plugin={p} />
            <section aria-label="On each instance">
              <Title order={2} size="h4" mb="xs">
                On each instance
              </Title>
              {p.states.length === 0 && <Text size="sm" c="dimmed">No instance uses it.</Text>}
              {p.states.map((s) => (
                <OnInstance key={`${s.role} ${s.instance}`} state={s} />
              ))}
            </section>
            {may("settings.write") && !p.problem && <TryConfig name={p.name} schema={p.about?.schema} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Facts({ plugin: p }: { plugin: Detail }) {
  const a = p.about;
  return (
    <>
      {p.aboutProblem && (
        <Alert color="yellow" role="status" title="It could not be asked who it is">
          <Text size="sm" className="anywhere">{p.aboutProblem}</Text>
        </Alert>
      )}
      <dl className="facts">
        <dt>Version</dt>
        <dd>{a?.version ?? p.version ?? "unknown"}{a?.commit && <>, commit <span className="mono">{a.commit.slice(0, 12)}</span></>}</dd>
        {a && (
          <>
            <dt>Contract</dt>
            <dd>{a.contract}</dd>
            <dt>Can</dt>
            <dd>{a.capabilities.join(", ") || "only read and write"}</dd>
            <dt>Largest value</dt>
            <dd>{a.limits.largestBytes.toLocaleString()} bytes</dd>
            {a.limits.callsPerSecond !== undefined && (
              <>
                <dt>Calls</dt>
                <dd>{a.limits.callsPerSecond} a second</dd>
              </>
            )}
          </>
        )}
        <dt>File</dt>
        <dd className="mono">{p.path || "unknown here"}</dd>
        {p.sha256 && (
          <>
            <dt>SHA-256</dt>
            <dd className="mono">{p.sha256}</dd>
          </>
        )}
        {p.pin && (
          <>
            <dt>The hash stands in</dt>
            <dd className="mono">{p.pin}</dd>
          </>
        )}
      </dl>
    </>
  );
}
