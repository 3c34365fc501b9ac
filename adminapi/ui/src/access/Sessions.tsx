import { Button, Checkbox, Group, Stack, Text, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { must, type Schemas } from "../api/client";
import { State, When } from "../parts/Badges";
import { Confirm } from "../parts/Confirm";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { useAction } from "../parts/useAction";
import { useMay } from "../session/may";
import { useApi, useSession } from "../session/session";

type Item = Schemas["SessionItem"];

const ways: Record<Item["way"], string> = { token: "a token", oidc: "OpenID Connect", negotiate: "Windows" };

/** The browsers in which somebody is signed in. */
export function Sessions() {
  const api = useApi();
  const may = useMay();
  const cache = useQueryClient();
  const { ask, signOutEverywhere } = useSession();
  const { busy, run } = useAction();
  const [all, setAll] = useState(false);
  const [ending, setEnding] = useState(false);
  const sessions = useQuery({
    queryKey: ["sessions", all],
    queryFn: ({ signal }) => must(api.GET("/api/sessions", { params: { query: { ...(all && { all }) } }, signal })),
  });
  return (
    <section aria-label="Sessions">
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          Signed in
        </Title>
        <Group gap="sm">
          {may("sessions.write") && <Checkbox label="Everybody" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />}
          <Button
            size="xs"
            variant="default"
            loading={busy}
            onClick={() => (all ? setEnding(true) : void run(async () => (await signOutEverywhere(), "You are signed out everywhere.")))}
          >
            {all ? "Sign everybody out" : "Sign out everywhere"}
          </Button>
        </Group>
      </Group>
      <Stack gap="sm">
        <Loaded query={sessions} what="sessions">
          {(s) =>
            s.items.length > 0 ? (
              <Listing
                label="Sessions"
                rows={s.items}
                id={(x) => x.id}
                columns={[
                  {
                    header: "Who",
                    cell: (x) => (
                      <>
                        {x.name} ({x.role}) {x.current && <State color="blue" text="This browser" />}
                      </>
                    ),
                  },
                  { header: "By", cell: (x) => ways[x.way] },
                  {
                    header: "From",
                    cell: (x) => (
                      <>
                        {x.address}
                        <Text size="xs" c="dimmed" className="anywhere">{x.userAgent}</Text>
                      </>
                    ),
                  },
                  { header: "Begun", cell: (x) => <When time={x.created} /> },
                  { header: "Used", cell: (x) => <When time={x.lastSeen} /> },
                  { header: "Ends", cell: (x) => <When time={x.idleExpires < x.expires ? x.idleExpires : x.expires} /> },
                ]}
              />
            ) : (
              <Text size="sm" c="dimmed">No browser is signed in: you sign in with each request.</Text>
            )
          }
        </Loaded>
      </Stack>
      {ending && (
        <Confirm
          title="Sign everybody out"
          typed="everybody"
          action="Sign out"
          onClose={() => setEnding(false)}
          onConfirm={async () => {
            await must(api.DELETE("/api/sessions", { params: { query: { all: true } } }));
            void cache.invalidateQueries({ queryKey: ["sessions"] });
            await ask();
          }}
        >
          <Text size="sm">Every browser has to sign in again, this one too. Tokens of programs stay valid.</Text>
        </Confirm>
      )}
    </section>
  );
}
