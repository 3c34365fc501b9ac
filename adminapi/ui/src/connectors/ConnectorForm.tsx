import { Button, Checkbox, Collapse, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useRef, useState } from "react";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { asProblem } from "../api/problem";
import { ProblemAlert } from "../parts/ProblemAlert";
import { useMay } from "../session/may";
import { choices, type Config, type FieldSchema, isExtra, spelled, wordsFor } from "./schema";
import { SchemaFields } from "./SchemaFields";

type Input = Schemas["ConnectorInput"];

interface Props {
  /** What the form begins with. */
  begin: Input;
  schema: FieldSchema;
  action: string;
  /** Where Cancel goes. */
  back: string;
  /** test says that an engine is to try what was saved. */
  onSave: (input: Input, test: boolean) => Promise<void>;
  /** What the last test found. */
  tested?: ReactNode;
  /** Begins anew with what is stored now; offered when somebody else changed it. */
  onReload?: () => void;
}

/** The form of a connector, made from the schema of its type. The API checks it. */
export function ConnectorForm({ begin, schema, action, back, onSave, tested, onReload }: Props) {
  const [name, setName] = useState(begin.name);
  const [enabled, setEnabled] = useState(begin.enabled ?? true);
  const [instanceName, setInstanceName] = useState(begin.instanceName ?? "");
  const [config, setConfig] = useState<Config>(() => spelled(begin.config, schema));
  const [more, setMore] = useState(false);
  const [busy, setBusy] = useState(false);
  const testing = useRef(false);
  const may = useMay();
  const [problem, setProblem] = useState<unknown>(null);
  const known = problem === null ? null : asProblem(problem);
  const items = known?.items ?? [];
  const keys = Object.keys(schema.properties ?? {});
  const main = keys.filter((k) => !isExtra(schema.properties?.[k] ?? {}));
  const extra = keys.filter((k) => !main.includes(k));
  const fields = { schema, config, onChange: setConfig, items, path: "config" };
  // A problem must not hide where nobody looks.
  const open = more || extra.some((k) => wordsFor(items, `config:${k}`));

  async function submit(e: FormEvent) {
    e.preventDefault();
    const test = testing.current;
    testing.current = false;
    setBusy(true);
    setProblem(null);
    try {
      await onSave({ name, type: begin.type, config, enabled, ...(instanceName && { instanceName }) }, test);
    } catch (thrown) {
      setProblem(thrown);
    }
    setBusy(false);
  }

  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <TextInput label="Name" withAsterisk maw="40rem" value={name} onChange={(e) => setName(e.currentTarget.value)} error={wordsFor(items, "name")} autoComplete="off" />
        <Checkbox label="Enabled" description="Whether it may run" checked={enabled} onChange={(e) => setEnabled(e.currentTarget.checked)} />
        {choices(schema).map((group) => (
          <Text key={group.join()} size="sm">
            Set one of these and not the others: {group.join(", ")}.
          </Text>
        ))}
        <SchemaFields {...fields} keys={main} />
        <Group>
          <Button variant="subtle" size="compact-sm" aria-expanded={open} onClick={() => setMore(!more)}>
            {open ? "Fewer settings" : `More settings (${extra.length + 1}), which have defaults`}
          </Button>
        </Group>
        <Collapse expanded={open}>
          <Stack>
            <SchemaFields {...fields} keys={extra} />
            <TextInput
              label="Engine"
              description="The instance that runs it; any when left empty"
              maw="40rem"
              value={instanceName}
              onChange={(e) => setInstanceName(e.currentTarget.value)}
              error={wordsFor(items, "instanceName")}
              autoComplete="off"
            />
          </Stack>
        </Collapse>
        {known && <ProblemAlert error={known} {...(known.code === "changed-meanwhile" && onReload && { onRetry: onReload })} />}
        {tested && (
          <section aria-label="Test">
            <Stack gap="sm">{tested}</Stack>
          </section>
        )}
        <Group>
          <Button type="submit" loading={busy}>
            {action}
          </Button>
          {may("connectors.test") && (
            <Button type="submit" variant="default" disabled={busy} onClick={() => (testing.current = true)}>
              {action} and test
            </Button>
          )}
          <Button variant="default" component={Link} to={back}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
