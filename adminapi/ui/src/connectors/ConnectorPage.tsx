import { Alert, Button, Group, Text, Title } from "@mantine/core";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { must, type Schemas } from "../api/client";
import { useConnector, useNewestRuns, useRefresh } from "../api/queries";
import { State, When } from "../parts/Badges";
import { Confirm } from "../parts/Confirm";
import { useNotices } from "../parts/Notices";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Loaded } from "../parts/States";
import { RunsTable } from "../runs/RunsTable";
import { Schedules } from "../schedules/Schedules";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { useConnectorActions, useConnectorTest } from "./actions";

export function ConnectorPage() {
  const { id = "" } = useParams();
  const connector = useConnector(id);
  const { busy, start, enable } = useConnectorActions();
  const { test, dialog } = useConnectorTest();
  const [deleting, setDeleting] = useState(false);
  const may = useMay();
  const c = connector.data;
  return (
    <Page
      title={c?.name ?? "Connector"}
      actions={
        c && (
          <>
            {may("runs.start") && (
              <>
                <Button size="xs" disabled={!c.enabled || busy} onClick={() => void start(c, "delta")}>
                  Run delta
                </Button>
                <Button size="xs" variant="default" disabled={!c.enabled || busy} onClick={() => void start(c, "full")}>
                  Run full
                </Button>
              </>
            )}
            {may("connectors.test") && (
              <Button size="xs" variant="default" onClick={() => test(c)}>
                Test
              </Button>
            )}
            {may("connectors.write") && (
              <>
                <Button size="xs" variant="default" component={Link} to={`/connectors/${id}/edit`}>
                  Edit
                </Button>
                <Button size="xs" variant="default" disabled={busy} onClick={() => void enable(c, !c.enabled)}>
                  {c.enabled ? "Disable" : "Enable"}
                </Button>
                <Button size="xs" variant="light" color="red" onClick={() => setDeleting(true)}>
                  Delete
                </Button>
              </>
            )}
          </>
        )
      }
    >
      <Loaded query={connector} what="the connector">
        {(got) => (
          <>
            {!got.enabled && (
              <Alert color="gray" role="status">
                It is disabled, so it does not run. It can be tested all the same.
              </Alert>
            )}
            <Facts connector={got} />
            <Configuration connector={got} />
            <Schedules connectorId={id} />
            <Runs id={id} />
          </>
        )}
      </Loaded>
      {dialog}
      {deleting && c && <Delete connector={c} onClose={() => setDeleting(false)} />}
    </Page>
  );
}

function Facts({ connector: c }: { connector: Schemas["ConnectorDetail"] }) {
  return (
    <dl className="facts">
      <dt>State</dt>
      <dd>
        <State color={c.enabled ? "green" : "gray"} text={c.enabled ? "Enabled" : "Disabled"} />
      </dd>
      <dt>Type</dt>
      <dd>{c.type}</dd>
      <dt>Runs on</dt>
      <dd>{c.instanceName || "any engine"}</dd>
      <dt>Working on it</dt>
      <dd>{c.state.lease ? c.state.lease.holder : "nobody"}</dd>
      <dt>Watermark</dt>
      <dd>
        {c.state.watermark ? <span className="mono">{c.state.watermark}</span> : "none yet: the first run reads everything"}
        {c.state.watermarkMoved && (
          <>
            {" "}
            (moved <When time={c.state.watermarkMoved} />)
          </>
        )}
      </dd>
      <dt>Secrets</dt>
      <dd>{c.secretRefs.length > 0 ? c.secretRefs.map((r) => <div key={r} className="mono">{r}</div>) : "none"}</dd>
      <dt>Changed</dt>
      <dd>
        <When time={c.updated} />, version {c.version}
      </dd>
    </dl>
  );
}

function Configuration({ connector: c }: { connector: Schemas["ConnectorDetail"] }) {
  return (
    <section aria-label="Configuration">
      <Title order={2} size="h4" mb="xs">
        Configuration
      </Title>
      <pre className="said">{JSON.stringify(c.config, null, 2)}</pre>
    </section>
  );
}

function Runs({ id }: { id: string }) {
  const runs = useNewestRuns(10, id);
  const rows = runs.data?.items ?? [];
  return (
    <section aria-label="Newest runs">
      <Title order={2} size="h4" mb="xs">
        Newest runs
      </Title>
      {runs.isError && <ProblemAlert error={runs.error} onRetry={() => void runs.refetch()} />}
      {rows.length > 0 ? (
        <>
          <RunsTable label="Newest runs" runs={rows} />
          <Group mt="sm">
            <Button component={Link} to={`/runs?connectorId=${id}`} variant="subtle" size="compact-sm">
              All its runs
            </Button>
          </Group>
        </>
      ) : (
        runs.isSuccess && <Text size="sm" c="dimmed">It has not run yet. Press Test to see whether it can connect, then Run full.</Text>
      )}
    </section>
  );
}

function Delete({ connector: c, onClose }: { connector: Schemas["ConnectorDetail"]; onClose: () => void }) {
  const api = useApi();
  const refresh = useRefresh();
  const notices = useNotices();
  const navigate = useNavigate();
  return (
    <Confirm
      title="Delete the connector"
      typed={c.name}
      action="Delete"
      onClose={onClose}
      onConfirm={async () => {
        await must(api.DELETE("/api/connectors/{id}", { params: { path: { id: c.id } } }));
        void navigate("/connectors");
        refresh("connectors", "runs");
        notices.done(`${c.name} was deleted.`);
      }}
    >
      <Text size="sm">What it imported and its schedules go with it. The history of its runs stays, and so do its secrets.</Text>
    </Confirm>
  );
}
