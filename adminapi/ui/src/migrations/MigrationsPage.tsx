import { Anchor, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { must, type Schemas } from "../api/client";
import { State, When } from "../parts/Badges";
import { Listing } from "../parts/Listing";
import { Empty, Loaded } from "../parts/States";
import { count } from "../parts/words";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { RefState, stuck } from "./states";

type Migration = Schemas["Migration"];

/** How far secrets are on their way to another store. The tool on its host does the work; here one only looks. */
export function MigrationsPage() {
  const api = useApi();
  const migrations = useQuery({
    queryKey: ["migrations", "list"],
    queryFn: ({ signal }) => must(api.GET("/api/migrations", { signal })),
    refetchInterval: 5_000,
  });
  return (
    <Page title="Migrations">
      <Text size="sm" c="dimmed">
        identitymesh-migrate moves secrets to another store and reports here what it does. It is steered on its host, not from this page.
      </Text>
      <Loaded query={migrations} what="migrations">
        {(m) =>
          m.items.length > 0 ? (
            <Listing
              label="Migrations"
              rows={m.items}
              id={(x) => x.id}
              columns={[
                {
                  header: "From, to",
                  cell: (x) => (
                    <Anchor component={Link} to={`/migrations/${x.id}`} inherit>
                      {x.from} to {x.to}
                    </Anchor>
                  ),
                },
                { header: "Step", cell: (x) => <Step migration={x} /> },
                { header: "Secrets", cell: (x) => <Counts counts={x.counts} /> },
                { header: "Begun", cell: (x) => <><When time={x.started} /> by {x.by}</> },
                { header: "Heard of", cell: (x) => <When time={x.updated} /> },
              ]}
            />
          ) : (
            <Empty title="No secret is being moved">
              To move secrets from one store to another, run identitymesh-migrate plan on the host of the Admin API. It shows what would be moved and changes nothing.
            </Empty>
          )
        }
      </Loaded>
    </Page>
  );
}

/** Whether the migration was taken back, and not brought to its end. */
export const rolledBack = (m: Pick<Migration, "counts">) => (m.counts["rolled back"] ?? 0) > 0;

export function Step({ migration: m }: { migration: Migration }) {
  if (m.finished && rolledBack(m)) return <State color="gray" text="Rolled back" />;
  if (m.finished) return <State color="green" text="Finished" />;
  return <State color={m.problem ? "red" : "blue"} text={m.problem ? `${m.step} failed` : m.step} />;
}

/** How many secrets are in each state, those that need somebody first. */
export function Counts({ counts }: { counts: Record<string, number> }) {
  const rows = Object.entries(counts).filter(([, n]) => n > 0);
  rows.sort(([a], [b]) => Number(stuck.includes(b)) - Number(stuck.includes(a)));
  if (rows.length === 0) return <Text inherit c="dimmed">none</Text>;
  return (
    <Group gap={6}>
      {rows.map(([state, n]) => (
        <span key={state}>
          {count(n)} <RefState state={state} />
        </span>
      ))}
    </Group>
  );
}
