import { Text, Title } from "@mantine/core";
import { must } from "../api/client";
import { Pager } from "../list/Pager";
import { useServerList } from "../list/useServerList";
import { useOwnView } from "../list/view";
import { State, When } from "../parts/Badges";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { useApi } from "../session/session";

/** The versions that the store has kept of a secret. */
export function Versions({ secretRef, current }: { secretRef: string; current: string }) {
  const api = useApi();
  const view = useOwnView({ size: 25 });
  const versions = useServerList(`secrets versions ${secretRef}`, view, ({ limit, cursor }, signal) =>
    must(api.GET("/api/secrets/versions", { params: { query: { ref: secretRef, limit, ...(cursor && { cursor }) } }, signal })),
  );
  return (
    <section aria-label="Versions">
      <Title order={3} size="h5" mb="xs">
        Versions
      </Title>
      <Loaded query={versions} what="the versions">
        {(page) => (
          <>
            {page.items.length === 0 && <Text size="sm" c="dimmed">The store keeps none.</Text>}
            <Listing
              label="Versions"
              rows={page.items}
              id={(v) => v.version}
              columns={[
                {
                  header: "Version",
                  cell: (v) => (
                    <>
                      <span className="mono">{v.version}</span> {v.version === current && <State color="blue" text="In use" />}
                      {v.disabled && <State color="red" text="Disabled" />}
                    </>
                  ),
                },
                { header: "Created", cell: (v) => <When time={v.created} /> },
                { header: "Expires", cell: (v) => (v.expires ? <When time={v.expires} /> : "never") },
              ]}
            />
            <Pager what="versions" view={view} page={page} />
          </>
        )}
      </Loaded>
    </section>
  );
}
