import { Button, Checkbox, Group, NativeSelect, NumberInput, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { type FormEvent, useState } from "react";
import { must, type Schemas } from "../api/client";
import { useOnce } from "../api/once";
import { asProblem } from "../api/problem";
import { useRefresh } from "../api/queries";
import { wordsFor } from "../connectors/schema";
import { Dialog } from "../parts/Dialog";
import { useNotices } from "../parts/Notices";
import { ProblemAlert } from "../parts/ProblemAlert";
import { useProblem } from "../parts/useProblem";
import { useApi } from "../session/session";
import { Upcoming } from "./Upcoming";
import { cronWords, seconds, split, timing, type Unit, unitNames } from "./words";

interface Props {
  connectorId: string;
  /** The schedule to change; without it a new one is added. */
  schedule?: Schemas["Schedule"];
  onClose: () => void;
}

export function ScheduleForm({ connectorId, schedule, onClose }: Props) {
  const api = useApi();
  const refresh = useRefresh();
  const notices = useNotices();
  const once = useOnce();
  const begin = split(schedule?.intervalSeconds ?? 900);
  const [kind, setKind] = useState<Schemas["ScheduleInput"]["kind"]>(schedule?.kind ?? "delta");
  const [by, setBy] = useState(schedule?.cron ? "cron" : "interval");
  const [amount, setAmount] = useState<number | string>(begin.amount);
  const [unit, setUnit] = useState<Unit>(begin.unit);
  const [cron, setCron] = useState(schedule?.cron ?? "30 2 * * *");
  const [enabled, setEnabled] = useState(schedule?.enabled ?? true);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useProblem();
  const items = problem === null ? [] : asProblem(problem).items;
  const every = seconds(Number(amount), unit);
  const wanted = by === "cron" ? { cron: cron.trim() } : { intervalSeconds: every };
  const [settled] = useDebouncedValue(wanted.cron ?? wanted.intervalSeconds, 300); // not for each key that is pressed

  async function submit(e: FormEvent) {
    e.preventDefault();
    setBusy(true);
    setProblem(null);
    const body = { kind, enabled, ...wanted };
    try {
      if (schedule) {
        const params = { path: { id: connectorId, scheduleId: schedule.id }, header: { "If-Match": `"${schedule.version}"` } };
        await must(api.PUT("/api/connectors/{id}/schedules/{scheduleId}", { params, body }));
      } else {
        const path = { id: connectorId };
        await once(body, (header) => must(api.POST("/api/connectors/{id}/schedules", { params: { path, header }, body })));
      }
      refresh("connectors");
      notices.done(`A ${kind} run ${timing(body)}: ${schedule ? "the schedule was changed" : "the schedule was added"}.`);
      onClose();
    } catch (thrown) {
      refresh("connectors"); // somebody may have changed it meanwhile
      setProblem(thrown);
      setBusy(false);
    }
  }

  return (
    <Dialog onClose={onClose} title={schedule ? "Change the schedule" : "Add a schedule"}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <NativeSelect
            label="Kind of run"
            description="A delta reads what changed since the last run; a full run reads everything and notices what is gone"
            value={kind}
            onChange={(e) => setKind(e.currentTarget.value as typeof kind)}
            data={[{ value: "delta", label: "Delta" }, { value: "full", label: "Full" }]}
            data-autofocus
          />
          <SegmentedControl
            aria-label="When it runs"
            value={by}
            onChange={setBy}
            data={[{ value: "interval", label: "Again and again" }, { value: "cron", label: "At certain times (cron)" }]}
          />
          {by === "interval" ? (
            <Group align="flex-end" grow>
              <NumberInput label="Every" min={1} allowDecimal={false} allowNegative={false} value={amount} onChange={setAmount} error={wordsFor(items, "intervalSeconds")} />
              <NativeSelect
                aria-label="Unit"
                value={unit}
                onChange={(e) => setUnit(e.currentTarget.value as Unit)}
                data={unitNames.map((u) => ({ value: u, label: `${u}s` }))}
              />
            </Group>
          ) : (
            <TextInput
              label="Cron expression"
              description="Minute, hour, day of the month, month, day of the week, in UTC"
              value={cron}
              onChange={(e) => setCron(e.currentTarget.value)}
              error={wordsFor(items, "cron")}
              autoComplete="off"
              spellCheck={false}
              className="mono"
            />
          )}
          <div role="status">
            <Text size="sm">{by === "interval" ? every > 0 && `It runs ${timing({ intervalSeconds: every })}.` : cronWords(cron) && `It runs ${cronWords(cron)}.`}</Text>
            {settled ? (
              <>
                <Text size="sm" c="dimmed">If it begins now, its next times are, in your time zone:</Text>
                <Upcoming timing={typeof settled === "string" ? { cron: settled } : { intervalSeconds: settled }} />
              </>
            ) : null}
          </div>
          <Checkbox label="On" description="When it is off it keeps its times and starts nothing" checked={enabled} onChange={(e) => setEnabled(e.currentTarget.checked)} />
          {problem !== null && <ProblemAlert error={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              {schedule ? "Save" : "Add"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
