import { Alert, Button, Card, Group, List, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { useConnectorCount, useNewestRuns, useStatus } from "../api/queries";
import { Empty, Loaded } from "../parts/States";
import { RunsTable } from "../runs/RunsTable";
import { useMay } from "../session/may";
import { Page } from "../shell/Page";
import { Instances } from "./Instances";
import { Provider } from "./Provider";

export function OverviewPage() {
  const status = useStatus();
  const connectors = useConnectorCount();
  const runs = useNewestRuns(10);
  const may = useMay();
  return (
    <Page title="Overview">
      <Loaded query={status} what="the status">
        {(s) => (
          <>
            <Attention status={s} />
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <Section title="Secret provider">
                <Provider provider={s.provider} />
              </Section>
              <Section title="Processes">
                <Instances instances={s.instances} />
              </Section>
            </SimpleGrid>
          </>
        )}
      </Loaded>
      <Section title="Newest runs">
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
                First store the password of the account that reads your directory or database on the page Secrets, or while you create the connector.
                Then create a connector and run it.
              </Empty>
            ) : (
              <Empty title="Nothing has run yet" action={<Button component={Link} to="/connectors">Go to the connectors</Button>}>
                Choose a connector and press Run full.
              </Empty>
            )
          }
        </Loaded>
      </Section>
    </Page>
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

/** What an operator must look at, each with what to do. */
function Attention({ status }: { status: Schemas["Status"] }) {
  const engines = status.instances.filter((i) => i.role === "engine" && i.alive).length;
  return (
    <>
      {status.provider.fallback && (
        <Alert color="orange" role="status" title={`The configured secret provider is unknown; ${status.provider.name} serves in its place`}>
          <Text size="sm">{status.provider.why}</Text>
          <Text size="sm" fw={600}>
            What to do: correct <span className="mono">Secrets:Provider</span> in appsettings.json on every host, then restart the services. Secrets that you set
            until then go to {status.provider.name}.
          </Text>
        </Alert>
      )}
      {status.mismatch && (
        <Alert color="red" role="status" title="Engine and Admin API use different secret stores">
          <Text size="sm">What is set in one is not found by the other.</Text>
          <Text size="sm" fw={600}>
            What to do: make the section <span className="mono">Secrets</span> of appsettings.json equal on all hosts, then restart the services.
          </Text>
        </Alert>
      )}
      {engines === 0 && (
        <Alert color="orange" role="status" title="No engine is running">
          <Text size="sm">Runs stay queued until one starts. What to do: start identitymesh-engine on a host that uses this database.</Text>
        </Alert>
      )}
      {status.problems.length > 0 && (
        <Alert color="yellow" role="status" title="Needs attention">
          <List size="sm">
            {status.problems.map((p) => (
              <List.Item key={p} className="anywhere">
                {p}
              </List.Item>
            ))}
          </List>
        </Alert>
      )}
    </>
  );
}
