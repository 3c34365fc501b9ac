import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import { useParams } from "react-router";
import { must } from "../api/client";
import { useRunEvents } from "../api/events";
import { alive, useRefresh, useRun } from "../api/queries";
import { Loaded } from "../parts/States";
import { useAction } from "../parts/useAction";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { Earlier } from "./Earlier";
import { Facts } from "./Facts";
import { Logs } from "./Logs";
import { Outcome } from "./Outcome";

export function RunPage() {
  const { id = "" } = useParams();
  const [followed, setFollowed] = useState(false);
  const run = useRun(id, followed);
  const live = useRunEvents(id, alive(run.data));
  useEffect(() => setFollowed(live), [live]);
  const api = useApi();
  const refresh = useRefresh();
  const cancel = useAction();
  const may = useMay();
  const press = () =>
    cancel.run(async () => {
      const after = await must(api.POST("/api/runs/{id}/cancel", { params: { path: { id } } }));
      refresh("runs", "connectors");
      return alive(after) ? "The engine was asked to end the run; it keeps what was committed." : "The run was cancelled.";
    });
  const title = run.data ? `${run.data.kind === "test" ? "Test" : `Run (${run.data.kind})`} of ${run.data.connectorName}` : "Run";
  return (
    <Page
      title={title}
      actions={
        alive(run.data) && !run.data?.cancelRequestedBy && may("runs.cancel") && (
          <Button variant="default" onClick={() => void press()} loading={cancel.busy}>
            Cancel
          </Button>
        )
      }
    >
      <Loaded query={run} what="the run">
        {(r) => (
          <>
            <Outcome run={r} />
            <Facts run={r} />
            <Earlier run={r} />
            <Logs run={r} asking={alive(r) && !live} />
          </>
        )}
      </Loaded>
    </Page>
  );
}
