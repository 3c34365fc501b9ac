import { Anchor } from "@mantine/core";
import { Fragment, type ReactNode } from "react";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { Copyable } from "../parts/Copyable";
import { count, duration, exact } from "../parts/words";

/** What there is to know about a run. */
export function Facts({ run: r }: { run: Schemas["Run"] }) {
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
