import { Text, Title } from "@mantine/core";
import { must, type Schemas } from "../api/client";
import { alive, often } from "../api/queries";
import { ChoiceFilter } from "../list/Filters";
import { ServerList } from "../list/ServerList";
import { useServerList } from "../list/useServerList";
import { useOwnView } from "../list/view";
import { State } from "../parts/Badges";
import { exact } from "../parts/words";
import { useApi } from "../session/session";

const colors: Record<string, string> = { Error: "red", Warning: "yellow" };

/** The log of a run; each entry of the source that was not understood is an error in it. asking is for a run whose events are not followed. */
export function Logs({ run, asking }: { run: Schemas["Run"]; asking: boolean }) {
  const api = useApi();
  const view = useOwnView<"level">({ filters: run.counts.failed > 0 ? { level: "Error" } : {} });
  const logs = useServerList(
    `run-logs ${run.id}`,
    view,
    (query, signal) => must(api.GET("/api/runs/{id}/logs", { params: { path: { id: run.id }, query }, signal })),
    asking ? often : false,
  );
  return (
    <section aria-label="Log">
      <Title order={2} size="h4" mb="xs">
        Log
      </Title>
      <ServerList
        what="lines"
        view={view}
        query={logs}
        id={(l) => `${l.logged} ${l.anchor ?? ""} ${l.entry ?? ""} ${l.message}`}
        filters={
          <ChoiceFilter
            label="Level"
            value={view.filters.level}
            onChange={(level) => view.change({ filters: { level } })}
            choices={[{ value: "Error", label: "Entries that were not understood" }, { value: "Warning", label: "Warnings" }, "Info"]}
          />
        }
        empty={
          <Text c="dimmed" size="sm">
            {run.status === "Succeeded" ? "Nothing was logged: every entry was understood." : alive(run) ? "Nothing was logged yet." : "Nothing was logged."}
          </Text>
        }
        columns={[
          { header: "Time", sort: "logged", cell: (l) => exact(l.logged) },
          { header: "Level", cell: (l) => <State color={colors[l.level] ?? "gray"} text={l.level} /> },
          { header: "Entry", cell: (l) => <span className="mono">{l.entry ?? l.anchor ?? ""}</span> },
          { header: "Message", cell: (l) => <span className="anywhere">{l.message}</span> },
        ]}
      />
    </section>
  );
}
