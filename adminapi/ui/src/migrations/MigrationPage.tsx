import { Alert, Progress, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useParams } from "react-router";
import { must, type Schemas } from "../api/client";
import { ChoiceFilter } from "../list/Filters";
import { localPage } from "../list/local";
import { Pager } from "../list/Pager";
import { useOwnView } from "../list/view";
import { When } from "../parts/Badges";
import { Explain } from "../parts/Explain";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { count } from "../parts/words";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { Counts, rolledBack, Step } from "./MigrationsPage";
import { RefState, stuck } from "./states";

type Details = Schemas["MigrationDetails"];

export function MigrationPage() {
  const { id = "" } = useParams();
  const api = useApi();
  const migration = useQuery({
    queryKey: ["migrations", "one", id],
    queryFn: ({ signal }) => must(api.GET("/api/migrations/{id}", { params: { path: { id } }, signal })),
    refetchInterval: (query) => (query.state.data?.finished ? false : 3_000),
  });
  const m = migration.data;
  return (
    <Page title={m ? `${m.from} to ${m.to}` : "Migration"}>
      <Loaded query={migration} what="the migration">
        {(got) => (
          <>
            {got.problem && (
              <Alert color="red" role="status" title={`The step ${got.step} did not succeed`}>
                <pre className="said">{got.problem}</pre>
                <Text size="sm" fw={600} mt="xs">
                  What to do: mend the cause, then run identitymesh-migrate {got.step} again on {got.machine}; what is done already is not done twice.
                </Text>
              </Alert>
            )}
            <Facts migration={got} />
            <Refs migration={got} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** The states that a secret passes, in their order: how far along each is. */
const path = ["planned", "copied", "verified", "switched", "soaking", "purged"];

/** How much of the way all secrets together have behind them, in percent. */
export function progress(counts: Record<string, number>): number {
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const steps = path.reduce((sum, state, i) => sum + i * (counts[state] ?? 0), 0);
  return all === 0 ? 0 : Math.round((100 * steps) / (all * (path.length - 1)));
}

function Facts({ migration: m }: { migration: Details }) {
  // What was rolled back has no way behind it, however it ended.
  const done = m.finished && !rolledBack(m) ? 100 : progress(m.counts);
  return (
    <Stack gap="sm">
      <Progress.Root size="lg" aria-label="Progress of the migration">
        <Progress.Section value={done} aria-label="Way behind it" />
      </Progress.Root>
      <dl className="facts">
        <dt>State</dt>
        <dd><Step migration={m} /></dd>
        <dt>Secrets</dt>
        <dd><Counts counts={m.counts} /></dd>
        <dt>From</dt>
        <dd>{m.from}: {m.fromTarget}</dd>
        <dt>To</dt>
        <dd>{m.to}: {m.toTarget}</dd>
        <dt>Begun</dt>
        <dd><When time={m.started} /> by {m.by}</dd>
        <dt>Heard of</dt>
        <dd><When time={m.updated} /></dd>
        {m.finished && (
          <>
            <dt>Finished</dt>
            <dd><When time={m.finished} /></dd>
          </>
        )}
        <dt>Ledger</dt>
        <dd><span className="mono">{m.ledger}</span> on {m.machine}</dd>
      </dl>
    </Stack>
  );
}

/** The refs that do not get ahead, a page at a time. The API sends no others. */
function Refs({ migration: m }: { migration: Details }) {
  const view = useOwnView();
  const [state, setState] = useState("");
  const states = [...new Set(m.refs.map((r) => r.state))];
  const all = m.refs.filter((r) => !state || r.state === state).sort((a, b) => Number(stuck.includes(b.state)) - Number(stuck.includes(a.state)));
  const page = localPage(all, view);
  const total = stuck.reduce((sum, state) => sum + (m.counts[state] ?? 0), 0);
  if (m.refs.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        No secret is blocked or has drifted. identitymesh-migrate report lists all of them.
      </Text>
    );
  }
  return (
    <section aria-label="Secrets that need somebody">
      <Title order={2} size="h4" mb="xs">
        Secrets that need somebody
      </Title>
      <Stack gap="sm">
        {total > m.refs.length && (
          <Text size="sm" c="dimmed">
            The first {count(m.refs.length)} of {count(total)} are listed here; identitymesh-migrate status --blocked {total} lists those that are blocked.
          </Text>
        )}
        <div>
          <ChoiceFilter label="State" value={state} onChange={(to) => { setState(to); view.clear(); }} choices={states} />
        </div>
        <Listing
          label="Secrets that need somebody"
          rows={page.items}
          id={(r) => r.ref}
          columns={[
            { header: "Ref", cell: (r) => <span className="mono">{r.ref}</span> },
            { header: "State", cell: (r) => <RefState state={r.state} /> },
            { header: "Why", cell: (r) => (r.reason || r.message ? <><Explain reason={r.reason} /> {r.message}</> : null) },
          ]}
        />
        <Pager what="secrets" view={view} page={page} />
      </Stack>
    </section>
  );
}
