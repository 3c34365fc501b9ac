import { Alert, Group, List, Stack, Text } from "@mantine/core";
import type { Schemas } from "../api/client";
import { alive } from "../api/queries";
import { reasonOf } from "../api/reasons";
import { RunBadge } from "../parts/Badges";
import { Explain } from "../parts/Explain";
import { count } from "../parts/words";

/** Why a run failed, in the underlying system's words, or what a test found. */
export function Outcome({ run: r }: { run: Schemas["Run"] }) {
  const step = reasonOf(r.reason)?.todo;
  return (
    <Stack gap="sm" aria-live="polite">
      <Group gap="xs">
        <RunBadge status={r.status} />
        {alive(r) && <Text size="sm" c="dimmed">{r.status === "Queued" ? "It waits for an engine." : r.cancelRequestedBy ? `${r.cancelRequestedBy} asked to end it.` : "It is running; this page follows it."}</Text>}
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
