import { Anchor, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { must, type Schemas } from "../api/client";
import { State } from "../parts/Badges";
import { Copyable } from "../parts/Copyable";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { exact } from "../parts/words";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";

type Part = Schemas["Part"];

const kinds: Record<Part["part"], string> = {
  adminapi: "Admin API",
  ui: "Admin UI",
  engine: "Engine",
  plugin: "Plugin",
  database: "Database",
  schema: "Tables of",
  go: "Built with",
  system: "System",
};

/** Which version each part has: what support asks for first. */
export function AboutPage() {
  const api = useApi();
  const about = useQuery({ queryKey: ["about"], queryFn: ({ signal }) => must(api.GET("/api/about", { signal })) });
  return (
    <Page title="About">
      <Loaded query={about} what="the versions">
        {(a) => (
          <>
            <Listing
              label="Versions"
              rows={a.items}
              id={(p) => `${p.part} ${p.name} ${p.instance ?? ""} ${p.machine ?? ""}`}
              columns={[
                { header: "Part", cell: (p) => kinds[p.part] },
                {
                  header: "Name",
                  cell: (p) => (
                    <>
                      {p.name} {!p.alive && <State color="gray" text="Gone" />}
                    </>
                  ),
                },
                { header: "Version", cell: (p) => p.version ?? "unknown" },
                {
                  header: "Built from",
                  cell: (p) =>
                    p.commit && (
                      <>
                        <Copyable text={p.commit.slice(0, 12)} what="the commit" />
                        {p.commitDate && <Text size="xs" c="dimmed">{exact(p.commitDate)}</Text>}
                      </>
                    ),
                },
                { header: "Where", cell: (p) => [p.instance, p.machine && `on ${p.machine}`, p.platform].filter(Boolean).join(" ") },
              ]}
            />
            <Text size="sm">
              IdentityMesh is under the Apache License 2.0.{" "}
              {a.licenses && (
                <>
                  What this page is made of has <Anchor href={a.licenses} target="_blank" rel="noopener" inherit>licences of its own</Anchor>.
                </>
              )}
            </Text>
          </>
        )}
      </Loaded>
    </Page>
  );
}
