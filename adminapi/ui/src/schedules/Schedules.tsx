import { Button, Group, Text, Title } from "@mantine/core";
import { useRef, useState } from "react";
import { must, type Schemas } from "../api/client";
import { useRefresh, useSchedules } from "../api/queries";
import { State, When } from "../parts/Badges";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { useAction } from "../parts/useAction";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { ScheduleForm } from "./ScheduleForm";
import { UpcomingOf } from "./Upcoming";
import { timing } from "./words";

type Schedule = Schemas["Schedule"];

/** When a connector runs by itself. */
export function Schedules({ connectorId }: { connectorId: string }) {
  const schedules = useSchedules(connectorId);
  const may = useMay()("schedules.write");
  const [editing, setEditing] = useState<Schedule | "new" | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  return (
    <section aria-label="Schedules">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4" ref={heading} tabIndex={-1}>
          Schedules
        </Title>
        {may && (
          <Button size="xs" variant="default" onClick={() => setEditing("new")}>
            Add a schedule
          </Button>
        )}
      </Group>
      <Loaded query={schedules} what="schedules">
        {(s) =>
          s.items.length > 0 ? (
            <Listing
              label="Schedules"
              rows={s.items}
              id={(x) => x.id}
              columns={[
                { header: "When", cell: (x) => <>{x.kind === "full" ? "Full" : "Delta"} run {timing(x)}</> },
                { header: "State", cell: (x) => <State color={x.enabled ? "green" : "gray"} text={x.enabled ? "On" : "Off"} /> },
                { header: "Next", cell: (x) => (x.enabled ? <><When time={x.nextDue} /> <UpcomingOf schedule={x} named={named(x)} /></> : null) },
                ...(may ? [{ header: "Actions", cell: (x: Schedule) => <Actions schedule={x} onEdit={() => setEditing(x)} onDeleted={() => heading.current?.focus()} /> }] : []),
              ]}
            />
          ) : (
            <Text size="sm" c="dimmed">
              None: it runs only when somebody starts it.{may ? " Add one, for example a delta every 15 minutes and a full run each night." : ""}
            </Text>
          )
        }
      </Loaded>
      {editing && <ScheduleForm connectorId={connectorId} {...(editing !== "new" && { schedule: editing })} onClose={() => setEditing(null)} />}
    </section>
  );
}

const named = (s: Schedule) => `the schedule ${timing(s)}`;

/** Switching off and on again comes instead of a question before deleting: both can be undone by adding it anew. */
function Actions({ schedule: s, onEdit, onDeleted }: { schedule: Schedule; onEdit: () => void; onDeleted: () => void }) {
  const api = useApi();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const path = { id: s.connectorId, scheduleId: s.id };
  const change = (enabled: boolean) =>
    run(async () => {
      const { kind, cron, intervalSeconds } = s;
      try {
        await must(
          api.PUT("/api/connectors/{id}/schedules/{scheduleId}", {
            params: { path, header: { "If-Match": `"${s.version}"` } },
            body: { kind, enabled, ...(cron ? { cron } : { intervalSeconds: intervalSeconds ?? 0 }) },
          }),
        );
      } finally {
        refresh("connectors"); // also when somebody has changed it meanwhile
      }
      return enabled ? "The schedule is on." : "The schedule is off.";
    });
  const remove = () =>
    run(async () => {
      await must(api.DELETE("/api/connectors/{id}/schedules/{scheduleId}", { params: { path } }));
      refresh("connectors");
      onDeleted();
      return "The schedule was deleted.";
    });
  return (
    <Group gap={6}>
      <Button size="compact-xs" variant="default" disabled={busy} onClick={onEdit} aria-label={`Edit ${named(s)}`}>
        Edit
      </Button>
      <Button size="compact-xs" variant="default" disabled={busy} onClick={() => void change(!s.enabled)} aria-label={`Switch ${s.enabled ? "off" : "on"} ${named(s)}`}>
        {s.enabled ? "Switch off" : "Switch on"}
      </Button>
      <Button size="compact-xs" variant="light" color="red" disabled={busy} onClick={() => void remove()} aria-label={`Delete ${named(s)}`}>
        Delete
      </Button>
    </Group>
  );
}
