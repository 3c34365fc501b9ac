import { Alert, Anchor, Button, Group, List, Stack, Text, Title } from "@mantine/core";
import { Fragment, type ReactNode } from "react";
import { Link, useParams } from "react-router";
import { must, type Schemas } from "../api/client";
import { reasonOf } from "../api/reasons";
import { alive, useRefresh, useRun, useRunLogs } from "../api/queries";
import { Copyable } from "../parts/Copyable";
import { RunBadge } from "../parts/Badges";
import { Explain } from "../parts/Explain";
import { Listing } from "../parts/Listing";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Loaded } from "../parts/States";
import { useAction } from "../parts/useAction";
import { count, duration, exact } from "../parts/words";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { Earlier } from "./Earlier";

export function RunPage() {
  const { id = "" } = useParams();
  const run = useRun(id);
  const api = useApi();
  const refresh = useRefresh();
  const cancel = useAction();
  const may = useMay();
  const press = () =>
    cancel.run(async () => {
      await must(api.POST("/api/runs/{id}/cancel", { params: { path: { id } } }));
      refresh("runs", "connectors");
      return "The run was cancelled.";
    });
  const title = run.data ? `${run.data.kind === "test" ? "Test" : `Run (${run.data.kind})`} of ${run.data.connectorName}` : "Run";
  return (
    <Page
      title={title}
      actions={
        run.data?.status === "Queued" && may("runs.cancel") && (
          <Button variant="default" onClick={() => void press()} loading={cancel.busy}>
            Cancel
          </Button>
        )
      }
    >
      <Loaded query={run} what="the run">
        {(r) => (
          <>
            <Outcome run={r} />
            <Facts run={r} />
            <Earlier run={r} />
            <Logs id={r.id} live={alive(r)} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Why a run failed, in the underlying system's words, or what a test found. */
export function Outcome({ run: r }: { run: Schemas["Run"] }) {
  const step = reasonOf(r.reason)?.todo;
  return (
    <Stack gap="sm" aria-live="polite">
      <Group gap="xs">
        <RunBadge status={r.status} />
        {alive(r) && <Text size="sm" c="dimmed">{r.status === "Queued" ? "It waits for an engine." : "It is running; this page follows it."}</Text>}
      </Group>
      {(r.error || r.reason) && (
        <Alert color={r.status === "Failed" ? "red" : "yellow"} role="alert" title={r.reason ? `It did not succeed: ${r.reason}` : "It did not succeed"}>
          <Stack gap="xs">
            {r.error && <pre className="said">{r.error}</pre>}
            {step && (
              <Text size="sm" fw={600}>
                What to do: {step}
              </Text>
            )}
            <Explain reason={r.reason} words="What does this mean?" />
          </Stack>
        </Alert>
      )}
      {r.report && (
        <Alert color="green" role="status" title={`It works: ${r.report.server}`}>
          <Text size="sm">The test read {count(r.report.sample)} objects.</Text>
          <List size="sm">
            {r.report.notes.map((n) => (
              <List.Item key={n}>{n}</List.Item>
            ))}
          </List>
        </Alert>
      )}
    </Stack>
  );
}

function Facts({ run: r }: { run: Schemas["Run"] }) {
  const rows: [string, ReactNode][] = [
    ["Started by", r.trigger === "schedule" ? "its schedule" : r.requestedBy],
    ["Queued", exact(r.queued)],
    ["Started", exact(r.started)],
    ["Ended", exact(r.finished)],
    ["Took", r.started && duration(r.durationSeconds)],
    ["Engine", r.instance],
    ["Added", count(r.counts.added)],
    ["Updated", count(r.counts.updated)],
    ["Unchanged", count(r.counts.unchanged)],
    ["Gone", count(r.counts.absent)],
    ["Not understood", count(r.counts.failed)],
    ["Pages", count(r.pages)],
    ["Watermark before", r.watermarkBefore],
    ["Watermark after", r.watermarkAfter],
    ["Trace id", r.traceId && <Copyable text={r.traceId} what="the trace id" />],
    ["Run id", <Copyable key="id" text={r.id} what="the run id" />],
  ];
  return (
    <dl className="facts">
      <dt>Connector</dt>
      <dd>
        <Anchor component={Link} to={`/connectors/${r.connectorId}`} inherit>
          {r.connectorName}
        </Anchor>
      </dd>
      {rows.map(([name, value]) =>
        value ? (
          <Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </Fragment>
        ) : null,
      )}
    </dl>
  );
}

function Logs({ id, live }: { id: string; live: boolean }) {
  const logs = useRunLogs(id, live);
  const rows = logs.data?.pages.flatMap((p) => p.items) ?? [];
  return (
    <section aria-label="Log">
      <Title order={2} size="h4" mb="xs">
        Log
      </Title>
      {logs.isError && <ProblemAlert error={logs.error} onRetry={() => void logs.refetch()} />}
      {rows.length > 0 ? (
        <Listing
          label="Log of the run"
          rows={rows.map((l, i) => ({ ...l, key: String(i) }))}
          id={(l) => l.key}
          columns={[
            { header: "Time", cell: (l) => exact(l.logged) },
            { header: "Level", cell: (l) => l.level },
            { header: "Entry", cell: (l) => <span className="mono">{l.entry ?? l.anchor ?? ""}</span> },
            { header: "Message", cell: (l) => l.message },
          ]}
        />
      ) : (
        logs.isSuccess && <Text c="dimmed" size="sm">Nothing was logged: every entry was understood.</Text>
      )}
      {logs.hasNextPage && (
        <Button mt="sm" variant="default" onClick={() => void logs.fetchNextPage()} loading={logs.isFetchingNextPage}>
          Show more
        </Button>
      )}
    </section>
  );
}
