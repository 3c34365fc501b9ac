import { Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import { must, type Schemas } from "../api/client";
import { State } from "../parts/Badges";
import { Dialog } from "../parts/Dialog";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { exact } from "../parts/words";
import { useApi } from "../session/session";
import { detailOf, sideBySide } from "./changes";

type Record = Schemas["AuditRecord"];

/** Milliseconds within which the other record of an action is looked for. */
const near = 15 * 60_000;

/** An action has two records: what was wanted, and how it ended. */
interface Action {
  intent: Record | undefined;
  outcome: Record | undefined;
}

function pair(record: Record, among: Record[]): Action {
  return record.phase === "intent"
    ? { intent: record, outcome: among.find((r) => r.intent === record.seq) }
    : { intent: among.find((r) => r.seq === record.intent), outcome: record };
}

/** Everything about one action, with what was before and what came after. */
export function AuditDetail({ record, among, onClose }: { record: Record; among: Record[]; onClose: () => void }) {
  const api = useApi();
  const known = pair(record, among);
  const whole = known.intent !== undefined && known.outcome !== undefined;
  const at = Date.parse(record.time);
  const from = record.phase === "intent" ? at : at - near;
  const other = useQuery({
    queryKey: ["audit", "action", record.seq],
    queryFn: async ({ signal }) => {
      const query = { action: record.action, from: new Date(from).toISOString(), to: new Date(from + near + 1).toISOString(), limit: 200 };
      const page = await must(api.GET("/api/audit", { params: { query }, signal }));
      return pair(record, page.items);
    },
    enabled: !whole,
    staleTime: 5_000,
  });
  return (
    <Dialog onClose={onClose} size="xl" title={`${record.action} of ${exact(record.time)}`}>
      {whole ? <Whole action={known} /> : <Loaded query={other} what="the other record of this action">{(action) => <Whole action={action} />}</Loaded>}
    </Dialog>
  );
}

function Whole({ action: { intent, outcome } }: { action: Action }) {
  const wanted = detailOf(intent?.detail);
  const came = detailOf(outcome?.detail);
  const one = intent ?? outcome;
  const ended = outcome?.outcome === "OK";
  const rows = sideBySide(wanted.before, came.after ?? wanted.wanted);
  const facts: [string, string | undefined][] = [
    ["Who", one?.role ? `${one.actor} (${one.role})` : one?.actor],
    ["From", one?.address],
    ["To what", one?.target],
    ["Asked", exact(intent?.time)],
    ["Ended", outcome ? exact(outcome.time) : "no outcome was recorded: it is under way, or was broken off"],
    ["Why not", typeof came.problem === "string" ? came.problem : undefined],
    ["Correlation id", one?.correlation],
    ["Records", [intent?.seq, outcome?.seq].filter(Boolean).join(" and ")],
  ];
  return (
    <Stack>
      <div>{outcome ? <State color={ended ? "green" : "red"} text={outcome.outcome ?? ""} /> : <State color="yellow" text="Open" />}</div>
      <dl className="facts">
        {facts.map(([name, value]) =>
          value ? (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </Fragment>
          ) : null,
        )}
      </dl>
      <Title order={3} size="h5">
        {came.after !== undefined || !outcome || ended ? "What was changed" : "What was wanted; it was not done"}
      </Title>
      {rows.length > 0 ? (
        <Listing
          label="Before and after"
          rows={rows}
          id={(r) => r.path}
          columns={[
            { header: "What", cell: (r) => <span className="mono">{r.path}</span> },
            { header: "Before", cell: (r) => (r.changed && r.before ? <del className="mono">{r.before}</del> : <span className="mono">{r.before}</span>) },
            { header: came.after === undefined ? "Wanted" : "After", cell: (r) => (r.changed && r.after ? <ins className="mono">{r.after}</ins> : <span className="mono">{r.after}</span>) },
          ]}
        />
      ) : (
        <Text size="sm" c="dimmed">
          The record has no states to compare: the action changes nothing that has any, or what it changes is never recorded.
        </Text>
      )}
    </Stack>
  );
}
