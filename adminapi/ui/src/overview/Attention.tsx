import { Anchor, Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { Fragment } from "react";
import { Link } from "react-router";
import { type Api, must, type Schemas } from "../api/client";
import { useRefresh } from "../api/queries";
import { State, When } from "../parts/Badges";
import { useAction } from "../parts/useAction";
import { type Permission, useMay } from "../session/may";
import { useApi } from "../session/session";

type Item = Schemas["Attention"];
type Action = Schemas["Action"];
type Subject = Schemas["Subject"];

const severities: Record<Item["severity"], { color: string; text: string }> = {
  error: { color: "red", text: "Does not work" },
  warning: { color: "yellow", text: "Warning" },
  info: { color: "blue", text: "Note" },
};

/** What needs attention, the worst first, each with what mends it. */
export function Attention({ items }: { items: Item[] }) {
  return (
    <Stack gap="xs" component="ul" className="plain">
      {items.map((item, i) => (
        <Card key={`${item.code} ${i}`} component="li" withBorder padding="sm">
          <Group justify="space-between" align="flex-start" gap="sm">
            <Stack gap={4} flex="1 1 20rem" miw={0}>
              <Group gap="xs">
                <State {...severities[item.severity]} />
                {item.since && <Text size="xs" c="dimmed">since <When time={item.since} /></Text>}
              </Group>
              <Title order={3} size="h6">{item.summary}</Title>
              {item.detail && <Text size="sm" className="anywhere" lineClamp={4}>{item.detail}</Text>}
              <Subjects of={item} />
            </Stack>
            {item.action && <Mend action={item.action} />}
          </Group>
        </Card>
      ))}
    </Stack>
  );
}

/** Where one reads more about a thing; empty for what has no page. */
function place(s: Subject): string {
  switch (s.kind) {
    case "connector":
      return `/connectors/${s.id}`;
    case "plugin":
      return `/plugins/${encodeURIComponent(s.id)}`;
    case "instance":
      return `/instances?q=${encodeURIComponent(s.name)}`;
    case "secret":
      return `/secrets?ref=${encodeURIComponent(s.id)}`;
    case "setting":
      return `/settings?q=${encodeURIComponent(s.id)}`;
  }
}

const needs: Record<Subject["kind"], Permission> = {
  connector: "connectors.read",
  plugin: "settings.read",
  instance: "status.read",
  secret: "secrets.read",
  setting: "settings.read",
};

function Subjects({ of }: { of: Item }) {
  const may = useMay();
  if (of.subjects.length === 0) return null;
  return (
    <Text size="sm">
      {of.subjects.map((s, i) => (
        <Fragment key={`${s.kind} ${s.id}`}>
          {i > 0 && ", "}
          {may(needs[s.kind]) ? (
            <Anchor component={Link} to={place(s)} inherit>
              {s.name}
            </Anchor>
          ) : (
            s.name
          )}
        </Fragment>
      ))}
      {of.count > of.subjects.length && ` and ${of.count - of.subjects.length} more`}
    </Text>
  );
}

/** The operations that mend something, by the names that the API gives them. */
const calls: Record<string, (api: Api, parameters: Record<string, string>) => Promise<unknown>> = {
  "reload-provider": (api) => must(api.POST("/api/provider/reload")),
  "reload-instance": (api, p) => must(api.POST("/api/instances/{role}/{name}/reload", { params: { path: instance(p) } })),
  "forget-instance": (api, p) => must(api.DELETE("/api/instances/{role}/{name}", { params: { path: instance(p) } })),
};

function instance(p: Record<string, string>) {
  return { role: p.role === "adminapi" ? ("adminapi" as const) : ("engine" as const), name: p.name ?? "" };
}

function Mend({ action }: { action: Action }) {
  const api = useApi();
  const may = useMay();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  if (!may(action.permission as Permission)) return null;
  if (action.kind === "link") {
    return (
      <Button size="xs" variant="default" component={Link} to={action.to ?? "/"}>
        {action.label}
      </Button>
    );
  }
  const call = calls[action.operation ?? ""];
  if (!call) return null; // a newer API can do more than this page knows
  const press = () =>
    run(async () => {
      await call(api, action.parameters ?? {});
      refresh("attention", "status", "instances", "plugins");
      return `${action.label}: it was asked for.`;
    });
  return (
    <Button size="xs" loading={busy} onClick={() => void press()}>
      {action.label}
    </Button>
  );
}
