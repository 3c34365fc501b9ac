import { Alert, Button, Group, Text } from "@mantine/core";
import { useRef, useState } from "react";
import { must, type Schemas } from "../api/client";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Loading } from "../parts/States";
import { count } from "../parts/words";
import { useApi } from "../session/session";

type AuditReport = Schemas["AuditReport"];

interface Check {
  running: boolean;
  /** Of what was checked so far, while it runs. */
  report?: AuditReport;
  problem?: unknown;
}

/** The first part with what the next one adds, which goes on where that ended. */
export function joined(first: AuditReport, next: AuditReport): AuditReport {
  const [a, b] = [first.connectors, next.connectors];
  const report = { ...first, intact: first.intact && next.intact, written: first.written.state === "unusable" ? first.written : next.written };
  if (a && b) {
    report.connectors = {
      chains: a.chains + b.chains,
      records: a.records + b.records,
      removed: a.removed + b.removed,
      heads: a.heads + b.heads,
      signers: [...new Set([...a.signers, ...b.signers])],
      broken: a.broken + b.broken,
      first: [...a.first, ...b.first].slice(0, 20),
    };
  }
  return report;
}

/** Reads the whole log and says whether somebody changed it. It can take long, so it can be stopped. */
export function useVerify() {
  const api = useApi();
  const [check, setCheck] = useState<Check>({ running: false });
  const call = useRef<AbortController | null>(null);
  async function verify() {
    const abort = new AbortController();
    call.current = abort;
    setCheck({ running: true });
    try {
      let report: AuditReport | undefined;
      for (let after: string | undefined = ""; after !== undefined; ) {
        const part: AuditReport = await must(api.GET("/api/audit/verify", { params: { query: { ...(after && { after }) } }, signal: abort.signal }));
        report = report ? joined(report, part) : part;
        after = part.next;
        setCheck({ running: after !== undefined, report });
      }
    } catch (problem) {
      setCheck(abort.signal.aborted ? { running: false } : { running: false, problem });
    }
  }
  const result = (
    <div aria-live="polite">
      {check.running && (
        <Group justify="center">
          <Loading what={`and checking every record${check.report?.connectors ? `, of ${count(check.report.connectors.chains)} connectors so far` : ""}`} />
          <Button size="xs" variant="default" onClick={() => call.current?.abort()}>
            Stop
          </Button>
        </Group>
      )}
      {check.problem !== undefined && <ProblemAlert error={check.problem} onRetry={() => void verify()} />}
      {check.report && !check.running && <Report report={check.report} onClose={() => setCheck({ running: false })} />}
    </div>
  );
  return { running: check.running, verify: () => void verify(), result };
}

function Report({ report: r, onClose }: { report: AuditReport; onClose: () => void }) {
  const close = { withCloseButton: true, closeButtonLabel: "Close", onClose };
  const c = r.connectors;
  const removed = r.removed || c?.removed;
  if (!r.intact) {
    const title = r.brokenAt
      ? `The log was changed at record ${r.brokenAt}`
      : c?.broken
        ? `What runs did to objects was changed for ${c.broken === 1 ? "one connector" : `${count(c.broken)} connectors`}`
        : "The log could not be compared with the heads that were written elsewhere";
    return (
      <Alert color="red" role="alert" title={title} {...close}>
        <Text size="sm">{r.why}</Text>
        <Text size="sm">The first {count(r.records)} records of who changed what are as they were written.</Text>
        {c?.first.map((b) => (
          <Text key={b.chain} size="sm" className="anywhere">
            {b.chain}, record {b.brokenAt}: {b.why}
          </Text>
        ))}
        <Written report={r} />
        <Text size="sm" fw={600}>
          {r.brokenAt || c?.broken
            ? "What to do: export the log now and keep the file, find out who could write to the database, and compare with your newest backup."
            : "What to do: see that the file of the heads and its key are where they were, and find out who moved or changed them. Until then nobody can tell whether all of the log was written anew."}
        </Text>
      </Alert>
    );
  }
  return (
    <Alert color="green" role="status" title={`All ${count(r.records)} records are as they were written`} {...close}>
      {c && <Text size="sm">So is what runs did to objects: {count(c.records)} records of {count(c.chains)} connectors.</Text>}
      <Written report={r} />
      {r.open > 0 && <Text size="sm">{count(r.open)} actions have no outcome: they are under way, or were broken off.</Text>}
      {removed ? (
        <Text size="sm" className="anywhere">
          {count((r.removed ?? 0) + (c?.removed ?? 0))} older records were removed for their age, by the word of{" "}
          <span className="mono">{[...new Set([...(r.signer ? [r.signer] : []), ...(c?.signers ?? [])])].join(", ")}</span>
        </Text>
      ) : null}
      <Text size="sm" className="anywhere">
        Keep this elsewhere to notice later when the newest records are removed: <span className="mono">{r.hash}</span>
      </Text>
    </Alert>
  );
}

/** What the log was compared with: records that agree with each other do not show that all of them were replaced. */
function Written({ report: { written: w, heads = 0, connectors } }: { report: AuditReport }) {
  const found = heads + (connectors?.heads ?? 0);
  if (w.state === "none")
    return (
      <Text size="sm">
        It was not compared with anything outside of the database, because no file of heads is configured (Audit:Head:File). Whoever can write the whole database could have
        written the log anew, or removed its end.
      </Text>
    );
  if (w.state === "unusable")
    return (
      <Text size="sm" className="anywhere">
        It was not compared with the heads that were written elsewhere: {w.why}
      </Text>
    );
  return (
    <Text size="sm">
      It was compared with {count(w.count ?? 0)} heads that were written elsewhere, outside of the database; {count(found)} of them agree with what is checked here.
    </Text>
  );
}
