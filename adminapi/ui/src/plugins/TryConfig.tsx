import { Alert, Button, Group, List, Stack, Text, Textarea, Title } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { must, type Schemas } from "../api/client";
import { ProblemAlert } from "../parts/ProblemAlert";
import { useApi, useSession } from "../session/session";
import { choices, type FieldSchema } from "../connectors/schema";

interface Props {
  name: string;
  /** What the plugin says about its configuration. */
  schema: unknown;
}

const empty = "{}";

/**
 * Asks the plugin about a configuration before somebody puts it into the settings.
 * It may hold credentials, so it stays in its field and out of React's state.
 */
export function TryConfig({ name, schema }: Props) {
  const api = useApi();
  const field = useRef<HTMLTextAreaElement>(null);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const [verdict, setVerdict] = useState<Schemas["PluginVerdict"] | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const { lapsed } = useSession();
  // Nobody may find it who comes to a page on which somebody else was signed in.
  useEffect(() => {
    if (lapsed && field.current) field.current.value = empty;
  }, [lapsed]);

  async function submit(e: FormEvent) {
    e.preventDefault();
    setVerdict(null);
    setProblem(null);
    const config = parse(field.current?.value ?? "");
    setWrong(config ? "" : "Expected a JSON object, as it stands below the provider's name in the section Secrets");
    if (!config) return field.current?.focus();
    setBusy(true);
    try {
      setVerdict(await must(api.POST("/api/plugins/{name}/validate", { params: { path: { name } }, body: { config } })));
    } catch (thrown) {
      setProblem(thrown);
    }
    setBusy(false);
  }

  return (
    <section aria-label="Try a configuration">
      <Title order={2} size="h4" mb="xs">
        Try a configuration
      </Title>
      <form onSubmit={submit} noValidate>
        <Stack gap="sm" maw="48rem">
          <Text size="sm" c="dimmed">
            The plugin is started once beside the one in force, is handed this, and says what it thinks of it. Nothing is changed or kept.
          </Text>
          <Schema schema={schema} />
          <Textarea
            ref={field}
            label="Configuration"
            defaultValue={empty}
            rows={8}
            error={wrong || undefined}
            spellCheck={false}
            autoComplete="off"
            className="mono"
          />
          <div aria-live="polite">
            {problem !== null && <ProblemAlert error={problem} />}
            {verdict && <Verdict verdict={verdict} />}
          </div>
          <Group>
            <Button type="submit" variant="default" loading={busy}>
              Try it
            </Button>
          </Group>
        </Stack>
      </form>
    </section>
  );
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function Verdict({ verdict: v }: { verdict: Schemas["PluginVerdict"] }) {
  return (
    <Alert color={v.ok ? "green" : "red"} role={v.ok ? "status" : "alert"} title={v.ok ? "The plugin takes it" : "The plugin does not take it"}>
      <List size="sm">
        {v.problems.map((p, i) => (
          <List.Item key={i}>
            {p.path && <b className="mono">{p.path}: </b>}
            {p.severity === "warning" && "Warning: "}
            {p.summary} {p.detail}
          </List.Item>
        ))}
      </List>
    </Alert>
  );
}

/** The keys that the plugin knows, with what they are for. */
function Schema({ schema }: { schema: unknown }) {
  const known = schema as FieldSchema | undefined;
  const keys = Object.entries(known?.properties ?? {});
  if (!known || keys.length === 0) return null;
  return (
    <details>
      <summary>The keys that it knows ({keys.length})</summary>
      <dl className="facts">
        {keys.map(([key, field]) => (
          <div key={key} className="pair">
            <dt className="mono">
              {key}
              {known.required?.includes(key) && " (required)"}
            </dt>
            <dd>
              {field.description}
              {field.default !== undefined && ` Default: ${String(field.default)}.`}
              {field.enum && ` One of ${field.enum.join(", ")}.`}
            </dd>
          </div>
        ))}
      </dl>
      {choices(known).map((group) => (
        <Text key={group.join()} size="sm">
          One of these and not the others: {group.join(", ")}.
        </Text>
      ))}
    </details>
  );
}
