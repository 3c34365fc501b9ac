import { Alert, Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Fragment } from "react";
import { must, type Schemas } from "../api/client";
import { ProviderBadge, State, When } from "../parts/Badges";
import { useAction } from "../parts/useAction";
import { useMay } from "../session/may";
import { useApi } from "../session/session";

type PluginState = Schemas["PluginState"];

/** How a plugin is on one instance: its state, how it came to that, and what it said last. */
export function OnInstance({ state: s }: { state: PluginState }) {
  const api = useApi();
  const may = useMay();
  const cache = useQueryClient();
  const { busy, run } = useAction();
  const where = `${s.role === "engine" ? "engine" : "Admin API"} ${s.instance}`;
  const quarantined = s.state === "Quarantined";
  const works = s.state === "Ready" || s.state === "Degraded";
  const reload = () =>
    run(async () => {
      await must(api.POST("/api/instances/{role}/{name}/reload", { params: { path: { role: s.role, name: s.instance } } }));
      void cache.invalidateQueries({ queryKey: ["plugins"] });
      return `${s.instance} was asked to start it anew; how that went shows here in a moment.`;
    });
  return (
    <Card withBorder component="article" aria-label={`On ${where}`} mb="sm">
      <Stack gap="sm">
        <Group justify="space-between">
          <Group gap="xs">
            <Title order={3} size="h5">
              {s.role === "engine" ? "Engine" : "Admin API"} {s.instance}
            </Title>
            <ProviderBadge state={s.state} />
            {!s.alive && <State color="gray" text="The instance is gone" />}
          </Group>
          {s.alive && may("provider.reload") && (
            <Button size="xs" variant={quarantined ? "filled" : "default"} loading={busy} onClick={() => void reload()}>
              {quarantined ? "Release it" : "Reload"}
            </Button>
          )}
        </Group>
        {s.problem && (
          <Alert color={works ? "yellow" : "red"} role="status" title={quarantined ? "It is quarantined and not started again" : "Its problem"}>
            <Text size="sm" className="anywhere">{s.problem}</Text>
            {quarantined && (
              <Text size="sm" fw={600}>
                What to do: mend the cause, then {may("provider.reload") ? "press Release it" : "let somebody reload it who may"}.
              </Text>
            )}
          </Alert>
        )}
        {s.warnings.map((w) => (
          <Alert key={w} color="yellow" role="status">
            {w}
          </Alert>
        ))}
        <dl className="facts">
          <dt>Since</dt>
          <dd><When time={s.since} /></dd>
          <dt>Restarts</dt>
          <dd>{s.restarts} since the instance started</dd>
          {s.nextTry && (
            <>
              <dt>Next try</dt>
              <dd><When time={s.nextTry} /></dd>
            </>
          )}
          {s.version && (
            <>
              <dt>Version</dt>
              <dd>{s.version}</dd>
            </>
          )}
          {s.pid !== undefined && s.pid > 0 && (
            <>
              <dt>Process</dt>
              <dd>{s.pid}</dd>
            </>
          )}
        </dl>
        {s.history && s.history.length > 0 && <History of={s.history} where={where} />}
        {s.lines && s.lines.length > 0 && (
          <section aria-label={`Last lines on ${where}`}>
            <Title order={4} size="h6" mb={4}>
              What it wrote last
            </Title>
            <pre className="said" tabIndex={0} aria-label={`Last lines of the plugin on ${where}`}>
              {s.lines.join("\n")}
            </pre>
          </section>
        )}
      </Stack>
    </Card>
  );
}

function History({ of, where }: { of: Schemas["Transition"][]; where: string }) {
  return (
    <section aria-label={`History on ${where}`}>
      <Title order={4} size="h6" mb={4}>
        How it came to that
      </Title>
      <dl className="facts">
        {[...of].reverse().map((t, i) => (
          <Fragment key={`${t.at} ${i}`}>
            <dt><When time={t.at} /></dt>
            <dd>
              {t.state}
              {t.reason && `: ${t.reason}`}
            </dd>
          </Fragment>
        ))}
      </dl>
    </section>
  );
}
