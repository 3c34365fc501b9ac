import { Alert, Button, Group, Text } from "@mantine/core";
import { useRef, useState } from "react";
import { must, type Schemas } from "../api/client";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Loading } from "../parts/States";
import { count } from "../parts/words";
import { useApi } from "../session/session";

interface Check {
  running: boolean;
  report?: Schemas["AuditReport"];
  problem?: unknown;
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
      setCheck({ running: false, report: await must(api.GET("/api/audit/verify", { signal: abort.signal })) });
    } catch (problem) {
      setCheck(abort.signal.aborted ? { running: false } : { running: false, problem });
    }
  }
  const result = (
    <div aria-live="polite">
      {check.running && (
        <Group justify="center">
          <Loading what="and checking every record" />
          <Button size="xs" variant="default" onClick={() => call.current?.abort()}>
            Stop
          </Button>
        </Group>
      )}
      {check.problem !== undefined && <ProblemAlert error={check.problem} onRetry={() => void verify()} />}
      {check.report && <Report report={check.report} onClose={() => setCheck({ running: false })} />}
    </div>
  );
  return { running: check.running, verify: () => void verify(), result };
}

function Report({ report: r, onClose }: { report: Schemas["AuditReport"]; onClose: () => void }) {
  const close = { withCloseButton: true, closeButtonLabel: "Close", onClose };
  if (!r.intact) {
    return (
      <Alert color="red" role="alert" title={`The log was changed at record ${r.brokenAt ?? "?"}`} {...close}>
        <Text size="sm">{r.why}</Text>
        <Text size="sm">The first {count(r.records)} records are as they were written.</Text>
        <Text size="sm" fw={600}>
          What to do: export the log now and keep the file, find out who could write to the database, and compare with your newest backup.
        </Text>
      </Alert>
    );
  }
  return (
    <Alert color="green" role="status" title={`All ${count(r.records)} records are as they were written`} {...close}>
      {r.open > 0 && <Text size="sm">{count(r.open)} actions have no outcome: they are under way, or were broken off.</Text>}
      <Text size="sm" className="anywhere">
        Keep this elsewhere to notice later when the newest records are removed: <span className="mono">{r.hash}</span>
      </Text>
    </Alert>
  );
}
