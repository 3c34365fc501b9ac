import { Anchor, Text } from "@mantine/core";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { RunBadge, When } from "../parts/Badges";
import type { Column } from "../parts/Listing";
import { count, duration } from "../parts/words";

type Run = Schemas["Run"];

export const statuses: Run["status"][] = ["Queued", "Running", "Succeeded", "Failed", "Interrupted", "Cancelled"];

/** What a run changed, in few words. */
export function changes(run: Run): string {
  const c = run.counts;
  const parts = (
    [
      ["added", c.added],
      ["updated", c.updated],
      ["gone", c.absent],
      ["failed", c.failed],
    ] as const
  ).flatMap(([name, n]) => (n > 0 ? [`${count(n)} ${name}`] : []));
  return parts.length > 0 ? parts.join(", ") : run.kind === "test" || run.started === undefined ? "" : "no changes";
}

/** The columns of every list of runs. */
export const runColumns: Column<Run>[] = [
  {
    header: "Connector",
    cell: (r) => (
      <Anchor component={Link} to={`/runs/${r.id}`} inherit aria-label={`${r.kind} run of ${r.connectorName}, ${r.status}`}>
        {r.connectorName}
      </Anchor>
    ),
  },
  { header: "Kind", cell: (r) => r.kind },
  {
    header: "Outcome",
    cell: (r) => (
      <>
        <RunBadge status={r.status} />
        {r.reason && <Text size="xs" c="dimmed" mt={2}>{r.reason}</Text>}
      </>
    ),
  },
  { header: "Changes", cell: changes },
  { header: "Took", sort: "duration", cell: (r) => (r.started ? duration(r.durationSeconds) : "") },
  { header: "Queued", sort: "queued", cell: (r) => <When time={r.queued} /> },
];
