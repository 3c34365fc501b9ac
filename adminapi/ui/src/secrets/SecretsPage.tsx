import { Alert, Anchor, Button, Group, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { Link } from "react-router";
import { must, type Schemas } from "../api/client";
import { useRefresh, useSecrets, useStatus } from "../api/queries";
import { State, When } from "../parts/Badges";
import { Confirm } from "../parts/Confirm";
import { Copyable } from "../parts/Copyable";
import { Listing } from "../parts/Listing";
import { useNotices } from "../parts/Notices";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Empty, Loading } from "../parts/States";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { SetSecret } from "./SetSecret";

type Secret = Schemas["SecretMetadata"];

/** All secrets by their refs. Values go in and are never shown: the API does not return them. */
export function SecretsPage() {
  const secrets = useSecrets();
  const may = useMay();
  const provider = useStatus().data?.provider;
  const [setting, setSetting] = useState<Secret | "new" | null>(null);
  const [deleting, setDeleting] = useState<Secret | null>(null);
  const [search, setSearch] = useState("");
  const all = secrets.data?.pages.flatMap((p) => p.items);
  const wanted = search.trim().toLowerCase();
  const rows = all?.filter((s) => !wanted || (s.ref ?? s.name).toLowerCase().includes(wanted) || s.name.includes(wanted));
  const last = secrets.data?.pages.at(-1);

  return (
    <Page title="Secrets" actions={may("secrets.write") && <Button onClick={() => setSetting("new")}>Set a secret</Button>}>
      <Text c="dimmed" size="sm">
        {provider ? `Kept by ${provider.name}. ` : ""}Nobody can read a value here; setting a ref again rotates it, and the next run uses the new value.
      </Text>
      {secrets.isError && <ProblemAlert error={secrets.error} onRetry={() => void secrets.refetch()} />}
      {last && !last.next && !last.complete && (
        <Alert color="yellow" role="status">
          The store did not say whether this is everything: secrets may be missing in this list.
        </Alert>
      )}
      {all === undefined ? (
        !secrets.isError && <Loading what="secrets" />
      ) : all.length === 0 ? (
        <Empty title="No secret is stored yet" action={may("secrets.write") && <Button onClick={() => setSetting("new")}>Set the first secret</Button>}>
          Store the password of the account that reads your directory or database, under a ref such as secret://ad/svc/password. Then create a connector that
          uses the ref.
        </Empty>
      ) : (
        <>
          <TextInput aria-label="Find by ref or name" placeholder="Find by ref or name" value={search} onChange={(e) => setSearch(e.currentTarget.value)} maw="24rem" />
          <Listing
            label="Secrets"
            rows={rows ?? []}
            id={(s) => s.name}
            columns={[
              {
                header: "Ref",
                cell: (s) => (
                  <>
                    <span className="mono">{s.ref ?? "unknown: the store has only the name"}</span>
                    <Text size="xs" c="dimmed" component="div">
                      <Copyable text={s.name} what="the name in the store" />
                    </Text>
                  </>
                ),
              },
              { header: "Changed", cell: (s) => <When time={s.updated ?? s.created} /> },
              { header: "Expires", cell: (s) => <Expiry secret={s} /> },
              { header: "Used by", cell: (s) => <UsedBy secret={s} /> },
              {
                header: "Actions",
                cell: (s) =>
                  s.ref && (
                    <Group gap={6}>
                      {may("secrets.write") && (
                        <Button size="compact-xs" variant="default" aria-label={`Rotate ${s.ref}`} onClick={() => setSetting(s)}>
                          Rotate
                        </Button>
                      )}
                      {may("secrets.delete") && (
                        <Button size="compact-xs" variant="light" color="red" aria-label={`Delete ${s.ref}`} onClick={() => setDeleting(s)}>
                          Delete
                        </Button>
                      )}
                    </Group>
                  ),
              },
            ]}
          />
          {rows?.length === 0 && <Text c="dimmed">No secret is like that{secrets.hasNextPage ? " among those loaded so far" : ""}.</Text>}
          {secrets.hasNextPage && (
            <Group>
              <Button variant="default" onClick={() => void secrets.fetchNextPage()} loading={secrets.isFetchingNextPage}>
                Show more
              </Button>
            </Group>
          )}
        </>
      )}
      {setting && <SetSecret {...(setting !== "new" && { secret: setting })} onClose={() => setSetting(null)} />}
      {deleting?.ref && <DeleteSecret secret={deleting} secretRef={deleting.ref} onClose={() => setDeleting(null)} />}
    </Page>
  );
}

function Expiry({ secret: s }: { secret: Secret }) {
  if (s.disabled) return <State color="red" text="Disabled" />;
  if (!s.expires) return <>never</>;
  return Date.parse(s.expires) < Date.now() ? <State color="red" text="Expired" /> : <When time={s.expires} />;
}

function UsedBy({ secret: s }: { secret: Secret }) {
  if (s.usedBy.length === 0) return <Text inherit c="dimmed">nobody</Text>;
  return s.usedBy.map((u, i) => (
    <span key={u.connectorId}>
      {i > 0 && ", "}
      <Anchor component={Link} to={`/connectors/${u.connectorId}`} inherit>
        {u.connectorName}
      </Anchor>
    </span>
  ));
}

function DeleteSecret({ secret, secretRef, onClose }: { secret: Secret; secretRef: string; onClose: () => void }) {
  const api = useApi();
  const refresh = useRefresh();
  const notices = useNotices();
  return (
    <Confirm
      title="Delete the secret"
      typed={secretRef}
      action="Delete"
      onClose={onClose}
      onConfirm={async () => {
        await must(api.DELETE("/api/secrets", { params: { query: { ref: secretRef } } }));
        refresh("secrets");
        notices.done("The secret was deleted.");
      }}
    >
      <Text size="sm">
        {secret.usedBy.length > 0
          ? `Runs of ${secret.usedBy.map((u) => u.connectorName).join(", ")} will fail until it is set again.`
          : "No connector uses it. It cannot be brought back from here."}
      </Text>
    </Confirm>
  );
}
