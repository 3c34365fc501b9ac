import { Anchor, Button, Group, Stack, Text } from "@mantine/core";
import { type ReactNode, useCallback, useRef, useState } from "react";
import { Link } from "react-router";
import { must, type Schemas } from "../api/client";
import { useOnce } from "../api/once";
import { useRefresh } from "../api/queries";
import { Dialog } from "../parts/Dialog";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Loading } from "../parts/States";
import { useAction } from "../parts/useAction";
import { Outcome } from "../runs/Outcome";
import { useApi } from "../session/session";

type Connector = Schemas["Connector"];

/** What can be done with a connector besides editing it. */
export function useConnectorActions() {
  const api = useApi();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const once = useOnce();
  return {
    busy,
    start: (c: Connector, kind: "full" | "delta") =>
      run(async () => {
        const body = { connectorId: c.id, kind };
        await once(body, (header) => must(api.POST("/api/runs", { params: { header }, body })));
        refresh("runs", "connectors");
        return `A ${kind} run of ${c.name} is queued.`;
      }),
    /** Changes just what was seen: another change meanwhile is refused. */
    enable: (c: Connector, enabled: boolean) =>
      run(async () => {
        const { name, type, config, instanceName } = c;
        await must(
          api.PUT("/api/connectors/{id}", {
            params: { path: { id: c.id }, header: { "If-Match": `"${c.version}"` } },
            body: { name, type, config, enabled, ...(instanceName && { instanceName }) },
          }),
        );
        refresh("connectors");
        return enabled ? `${c.name} is enabled.` : `${c.name} is disabled: it will not run.`;
      }),
  };
}

type Test = { connector: Connector; run?: Schemas["Run"]; problem?: unknown };

/** Lets an engine test a connector. state is null while none was asked for. */
export function useTest() {
  const api = useApi();
  const refresh = useRefresh();
  const [state, setState] = useState<Test | null>(null);
  const call = useRef<AbortController | null>(null);
  const test = useCallback(
    async (connector: Connector) => {
      call.current?.abort();
      const abort = new AbortController();
      call.current = abort;
      setState({ connector });
      try {
        const run = await must(api.POST("/api/connectors/{id}/test", { params: { path: { id: connector.id } }, signal: abort.signal }));
        if (!abort.signal.aborted) setState({ connector, run });
      } catch (problem) {
        if (!abort.signal.aborted) setState({ connector, problem });
      }
      refresh("runs");
    },
    [api, refresh],
  );
  const stop = useCallback(() => {
    call.current?.abort();
    setState(null);
  }, []);
  return { state, test, stop };
}

/** What a test found, or that it is under way. */
export function Tested({ state, onRetry }: { state: Test; onRetry: (c: Connector) => void }) {
  if (state.problem !== undefined) return <ProblemAlert error={state.problem} onRetry={() => onRetry(state.connector)} />;
  if (!state.run) return <Loading what="what an engine finds; it connects, signs in and reads a little, for 30 s at most" />;
  return (
    <>
      <Outcome run={state.run} />
      {(state.run.status === "Queued" || state.run.status === "Running") && (
        <Text size="sm">
          It has no outcome yet, perhaps because the connector is running. <Anchor component={Link} to={`/runs/${state.run.id}`} inherit>Follow it</Anchor>.
        </Text>
      )}
    </>
  );
}

/** Lets an engine test a connector and shows in a dialog what it found. */
export function useConnectorTest(): { test: (c: Connector) => void; dialog: ReactNode } {
  const { state, test, stop } = useTest();
  const dialog = state && (
    <Dialog onClose={stop} title={`Test of ${state.connector.name}`} size="lg">
      <Stack>
        <Tested state={state} onRetry={(c) => void test(c)} />
        <Group justify="flex-end">
          <Button variant="default" onClick={stop}>
            Close
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
  return { test: (c) => void test(c), dialog };
}
