import { SegmentedControl, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { must, type Schemas } from "../api/client";
import { Chart } from "../chart/Chart";
import { Loaded } from "../parts/States";
import { useApi } from "../session/session";

type Bucket = "hour" | "day";

export function useRunStatistics(bucket: Bucket) {
  const api = useApi();
  return useQuery({
    queryKey: ["runs", "statistics", bucket],
    queryFn: ({ signal }) => must(api.GET("/api/statistics/runs", { params: { query: { bucket } }, signal })),
    refetchInterval: 60_000,
  });
}

/** Runs that ended, by how, hour by hour or day by day. */
export function RunsChart() {
  const [bucket, setBucket] = useState<Bucket>("hour");
  const statistics = useRunStatistics(bucket);
  const label = (from: string) =>
    bucket === "hour" ? new Date(from).toLocaleString(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" }) : new Date(from).toLocaleDateString(undefined, { timeZone: "UTC" });
  const failed = (r: Schemas["RunNumbers"]) => r.failed + r.interrupted;
  return (
    <Stack gap="sm">
      <div>
        <SegmentedControl
          size="xs"
          aria-label="What the chart shows"
          value={bucket}
          onChange={(to) => setBucket(to as Bucket)}
          data={[{ value: "hour", label: "24 hours" }, { value: "day", label: "30 days" }]}
        />
      </div>
      <Loaded query={statistics} what="the numbers of runs">
        {(s) => (
          <Chart
            title={bucket === "hour" ? "Runs per hour" : "Runs per day (UTC)"}
            of={bucket === "hour" ? "Hour" : "Day"}
            series={[
              { name: "succeeded", tone: "good" },
              { name: "failed or interrupted", tone: "bad" },
              { name: "cancelled", tone: "plain" },
            ]}
            points={s.items.map((b) => ({ label: label(b.from), values: [b.runs.succeeded, failed(b.runs), b.runs.cancelled] }))}
          />
        )}
      </Loaded>
    </Stack>
  );
}
