import { Alert, Button, Card, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
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
      <First />
      {status.data && <Glance status={status.data} />}
      <Section title="Needs attention">
        <Loaded query={attention} what="what needs attention">
          {(a) => {
            const rest = a.items.filter((i) => !told.includes(i.code));
            if (rest.length > 0) return <Attention items={rest} />;
            if (a.items.length > 0) return <Text size="sm">What the top of this page says, and nothing else.</Text>;
            return (
              <Alert color="green" role="status">
                All is well.
              </Alert>
            );
          }}
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

/** What to do before there is anything to see. */
function First() {
  const may = useMay();
  if (useConnectorCount().data !== 0) return null;
  return (
    <Empty title="Nothing is connected yet" action={may("connectors.write") && <Button component={Link} to="/connectors/new">Create a connector</Button>}>
      Create a connector for each directory or database. Have the password of the account that may read it at hand: it becomes a secret, here or on the page
      Secrets. Then run the connector.
    </Empty>
  );
}

function Newest() {
  const runs = useNewestRuns(5);
  const connectors = useConnectorCount();
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
          <Text size="sm" c="dimmed">None yet.</Text>
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
