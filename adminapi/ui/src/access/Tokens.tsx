import { Button, Group, Text, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { must, type Schemas } from "../api/client";
import { ServerList } from "../list/ServerList";
import { useServerList } from "../list/useServerList";
import { useAddressView } from "../list/view";
import { State, When } from "../parts/Badges";
import { Confirm } from "../parts/Confirm";
import { useNotices } from "../parts/Notices";
import { Empty } from "../parts/States";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { NewToken } from "./NewToken";

type Token = Schemas["Token"];

/** The tokens by which programs sign in. What signs in is shown once, when a token is made. */
export function Tokens() {
  const api = useApi();
  const may = useMay();
  const cache = useQueryClient();
  const view = useAddressView();
  const query = useServerList("tokens", view, (q, signal) => must(api.GET("/api/tokens", { params: { query: q }, signal })));
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const refresh = () => cache.invalidateQueries({ queryKey: ["tokens"] });
  const write = may("tokens.write");
  return (
    <section aria-label="Tokens">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          Tokens
        </Title>
        {write && (
          <Button size="xs" onClick={() => setMaking(true)}>
            Make a token
          </Button>
        )}
      </Group>
      <ServerList
        what="tokens"
        view={view}
        query={query}
        id={(t) => t.id}
        search="Find by name"
        empty={
          <Empty title="There is no token" action={write && <Button onClick={() => setMaking(true)}>Make the first token</Button>}>
            A token lets a program do what its role may. Make one for each program, so that each can be revoked by itself.
          </Empty>
        }
        columns={[
          {
            header: "Name",
            cell: (t) => (
              <>
                {t.name} {t.current && <State color="blue" text="Yours" />}
                {t.hint && <Text size="xs" c="dimmed" className="mono">imat_{t.hint}…</Text>}
              </>
            ),
          },
          {
            header: "May",
            cell: (t) => (
              <>
                {t.role}
                {t.narrowed && <Text size="xs" c="dimmed">only {t.permissions.join(", ")}</Text>}
              </>
            ),
          },
          { header: "Made", cell: (t) => <><When time={t.created} />{t.createdBy && ` by ${t.createdBy}`}</> },
          { header: "Last used", cell: (t) => <When time={t.lastUsed} /> },
          { header: "Expires", cell: (t) => (t.expired ? <State color="red" text="Expired" /> : <When time={t.expires} />) },
          ...(write
            ? [
                {
                  header: "Actions",
                  cell: (t: Token) => (
                    <Button size="compact-xs" variant="light" color="red" aria-label={`Revoke ${t.name}`} onClick={() => setRevoking(t)}>
                      Revoke
                    </Button>
                  ),
                },
              ]
            : []),
        ]}
      />
      {making && <NewToken onMade={() => void refresh()} onClose={() => setMaking(false)} />}
      {revoking && <Revoke token={revoking} onRevoked={refresh} onClose={() => setRevoking(null)} />}
    </section>
  );
}

function Revoke({ token: t, onRevoked, onClose }: { token: Token; onRevoked: () => Promise<void>; onClose: () => void }) {
  const api = useApi();
  const notices = useNotices();
  return (
    <Confirm
      title="Revoke the token"
      typed={t.name}
      action="Revoke"
      onClose={onClose}
      onConfirm={async () => {
        await must(api.DELETE("/api/tokens/{id}", { params: { path: { id: t.id } } }));
        await onRevoked();
        notices.done(`The token ${t.name} is worth nothing any more.`);
      }}
    >
      <Text size="sm">
        What signs in with it is refused from now on, and browsers that it signed in are signed out.
        {t.current && " That is this browser, too."}
      </Text>
    </Confirm>
  );
}
