import { useQuery } from "@tanstack/react-query";
import { must, type Schemas } from "../api/client";
import { Chart } from "../chart/Chart";
import { duration, exact } from "../parts/words";
import { useApi } from "../session/session";

type Run = Schemas["Run"];

const shown = 20;

/** How long this run took, against the runs of its kind before it. */
export function Earlier({ run }: { run: Run }) {
  const api = useApi();
  // A little later than this run, so that it is among them whatever a second is rounded to.
  const to = new Date(Date.parse(run.queued) + 1_000).toISOString();
  const query = { connectorId: run.connectorId, kind: run.kind, to, limit: shown };
  const runs = useQuery({
    queryKey: ["runs", "earlier", run.id, run.status],
    queryFn: ({ signal }) => must(api.GET("/api/runs", { params: { query }, signal })),
    staleTime: 60_000,
  });
  const alike = (runs.data?.items ?? []).filter((r) => r.started && r.finished && r.id !== run.id && r.queued <= run.queued).slice(0, shown - 1);
  if (alike.length === 0 || !run.started) return null;
  const points = [run, ...alike].reverse().map((r) => {
    const went = r.status === "Succeeded" || r.id === run.id;
    return { label: exact(r.started), values: [went ? r.durationSeconds : 0, went ? 0 : r.durationSeconds], marked: r.id === run.id };
  });
  return (
    <Chart
      title={`How long ${run.kind} runs took; this one is the last`}
      of="Started"
      series={[
        { name: "took", tone: "plain" },
        { name: "took and did not succeed", tone: "bad" },
      ]}
      points={points}
      say={duration}
    />
  );
}
