import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { must, type Schemas } from "../api/client";
import { ProblemError } from "../api/problem";
import { useRefresh } from "../api/queries";
import { ProviderBadge, When } from "../parts/Badges";
import { useAction } from "../parts/useAction";
import { useMay } from "../session/may";
import { useApi } from "../session/session";

/** The secret provider in force, and the button that reloads it. */
export function Provider({ provider: p }: { provider: Schemas["Plugin"] }) {
  const api = useApi();
  const refresh = useRefresh();
  const reload = useAction();
  const may = useMay();
  const works = p.state === "Ready" || p.state === "Degraded";

  const press = () =>
    reload.run(async () => {
      const report = await must(api.POST("/api/provider/reload"));
      refresh("status", "secrets");
      if (!report.ok) {
        throw new ProblemError({
          type: "about:blank",
          status: 200,
          title: "The secret provider was not reloaded",
          detail: `${report.problem ?? ""} What served before serves on.`.trim(),
        });
      }
      return report.engines.length > 0 ? `Reloaded here; asked too: ${report.engines.join(", ")}.` : "Reloaded here. No engine lives that could be asked.";
    });

  return (
    <Stack gap="sm">
      <Group gap="xs">
        <Text fw={600}>{p.name}</Text>
        {p.version && <Text c="dimmed" size="sm">{p.version}</Text>}
        <ProviderBadge state={p.state} />
      </Group>
      {p.problem && (
        <Alert color={works ? "yellow" : "red"} role="status" title="Its problem">
          <Text size="sm" className="anywhere">{p.problem}</Text>
          {p.state === "Quarantined" && (
            <Text size="sm" fw={600}>
              What to do: mend the cause, then press Reload.
            </Text>
          )}
        </Alert>
      )}
      {p.warnings.map((w) => (
        <Alert key={w} color="yellow" role="status">
          {w}
        </Alert>
      ))}
      <dl className="facts">
        <dt>In force because</dt>
        <dd>{p.why}</dd>
        <dt>Since</dt>
        <dd>
          <When time={p.since} />
        </dd>
        {p.nextTry && (
          <>
            <dt>Next try</dt>
            <dd>
              <When time={p.nextTry} />
            </dd>
          </>
        )}
        <dt>Restarts</dt>
        <dd>{p.restarts}</dd>
        {p.reload.at && (
          <>
            <dt>Last reload</dt>
            <dd>
              <When time={p.reload.at} />
              {p.reload.problem && ` failed: ${p.reload.problem}`}
            </dd>
          </>
        )}
      </dl>
      {may("provider.reload") && (
        <Group>
          <Button variant="default" size="xs" onClick={() => void press()} loading={reload.busy}>
            Reload
          </Button>
        </Group>
      )}
    </Stack>
  );
}
