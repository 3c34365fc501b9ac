import { Alert, Button, Card, Group, SimpleGrid, Stack, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { must } from "../api/client";
import { seldom, useConnectorCount, useNewestRuns, useStatus } from "../api/queries";
import { Empty, Loaded } from "../parts/States";
import { RunsTable } from "../runs/RunsTable";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { Attention } from "./Attention";
import { Glance } from "./Glance";
import { Provider } from "./Provider";
import { RunsChart } from "./RunsChart";

// The banner above every page tells of these.
const told = ["provider-fallback", "secret-stores-differ"];

export function OverviewPage() {
  const api = useApi();
  const may = useMay();
  const status = useStatus();
  const attention = useQuery({ queryKey: ["attention"], queryFn: ({ signal }) => must(api.GET("/api/attention", { signal })), refetchInterval: seldom });
  return (
    <Page title="Overview">
      {status.data && <Glance status={status.data} />}
      <Section title="Needs attention">
        <Loaded query={attention} what="what needs attention">
          {(a) =>
            a.items.length === 0 ? (
              <Alert color="green" role="status">
                All is well.
              </Alert>
            ) : (
              <Attention items={a.items.filter((i) => !told.includes(i.code))} />
            )
          }
        </Loaded>
      </Section>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        {may("runs.read") && (
          <Section title="Runs">
            <RunsChart />
          </Section>
        )}
        <Section title="Secret provider">
          <Loaded query={status} what="the status">
            {(s) => <Provider provider={s.provider} />}
          </Loaded>
        </Section>
      </SimpleGrid>
      {may("runs.read") && (
        <Section title="Newest runs">
          <Newest />
        </Section>
      )}
    </Page>
  );
}

function Newest() {
  const runs = useNewestRuns(5);
  const connectors = useConnectorCount();
  const may = useMay();
  return (
    <Loaded query={runs} what="runs">
      {(r) =>
        r.items.length > 0 ? (
          <>
            <RunsTable label="Newest runs" runs={r.items} />
            <Group mt="sm">
              <Button component={Link} to="/runs" variant="subtle" size="compact-sm">
                All runs
              </Button>
            </Group>
          </>
        ) : connectors.data === 0 ? (
          <Empty title="Nothing is connected yet" action={may("connectors.write") && <Button component={Link} to="/connectors/new">Create a connector</Button>}>
            First store the password of the account that reads your directory or database on the page Secrets, or while you create the connector. Then create a
            connector and run it.
          </Empty>
        ) : (
          <Empty title="Nothing has run yet" action={<Button component={Link} to="/connectors">Go to the connectors</Button>}>
            Choose a connector and press Run full.
          </Empty>
        )
      }
    </Loaded>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card withBorder component="section" aria-label={title}>
      <Stack gap="sm">
        <Title order={2} size="h4">
          {title}
        </Title>
        {children}
      </Stack>
    </Card>
  );
}
