import { Stack, Text, Title } from "@mantine/core";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { useRoles } from "./queries";

/** What each role may, permission by permission. */
export function Roles() {
  const roles = useRoles();
  return (
    <section aria-label="Roles">
      <Title order={2} size="h4" mb="xs">
        Roles
      </Title>
      <Loaded query={roles} what="the roles">
        {(all) => (
          <Stack gap="md">
            <dl className="facts">
              {all.items.map((r) => (
                <div key={r.name} className="pair">
                  <dt>{r.name}</dt>
                  <dd>{r.meaning}</dd>
                </div>
              ))}
            </dl>
            <Listing
              label="What each role may"
              rows={all.permissions}
              id={(p) => p.name}
              columns={[
                { header: "Permission", cell: (p) => <span className="mono">{p.name}</span> },
                { header: "Lets one", cell: (p) => p.meaning },
                ...all.items.map((r) => ({
                  header: r.name,
                  cell: (p: (typeof all.permissions)[number]) => (r.permissions.includes(p.name) ? "yes" : <Text inherit c="dimmed">no</Text>),
                })),
              ]}
            />
          </Stack>
        )}
      </Loaded>
    </section>
  );
}
