import { Alert, Button, Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { must } from "../api/client";
import { asProblem } from "../api/problem";
import { useStatus } from "../api/queries";
import { When } from "../parts/Badges";
import { Copyable } from "../parts/Copyable";
import { Dialog } from "../parts/Dialog";
import { Loaded } from "../parts/States";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { LastUse, type ListedSecret, SecretState, UsedBy } from "./cells";
import { DeleteSecret, PurgeSecret, useRecover } from "./removal";
import { Versions } from "./Versions";

interface Props {
  secretRef: string;
  /** What the list knows of it, if it is on the page that is shown. */
  listed: ListedSecret | undefined;
  onClose: () => void;
  onRotate: (secret: ListedSecret) => void;
}

/** Everything about one secret but its value. */
export function SecretDetail({ secretRef, listed, onClose, onRotate }: Props) {
  const api = useApi();
  const found = useQuery({
    queryKey: ["secrets", "one", secretRef],
    queryFn: ({ signal }) => must(api.GET("/api/secrets/describe", { params: { query: { ref: secretRef } }, signal })),
    enabled: !listed,
    retry: false,
  });
  const problem = found.isError ? asProblem(found.error) : null;
  const missing: ListedSecret = { ref: secretRef, name: "", version: "", store: "", deleted: false, disabled: false, missing: true, usedBy: [], usedByCount: 0 };
  return (
    <Dialog onClose={onClose} size="lg" title={secretRef}>
      {problem?.problem.reason === "DELETED" ? (
        <Gone secretRef={secretRef} onDone={onClose} />
      ) : problem?.problem.reason === "NOT_FOUND" ? (
        <About secret={missing} secretRef={secretRef} onClose={onClose} onRotate={onRotate} />
      ) : listed ? (
        <About secret={listed} secretRef={secretRef} onClose={onClose} onRotate={onRotate} />
      ) : (
        <Loaded query={found} what="the secret">
          {(s) => <About secret={s} secretRef={secretRef} onClose={onClose} onRotate={onRotate} />}
        </Loaded>
      )}
    </Dialog>
  );
}

function About({ secret: s, secretRef, onClose, onRotate }: Omit<Props, "listed"> & { secret: ListedSecret }) {
  const may = useMay();
  const can = useStatus().data?.provider.capabilities ?? [];
  const [deleting, setDeleting] = useState(false);
  if (s.deleted) return <Gone secretRef={secretRef} onDone={onClose} />;
  return (
    <Stack>
      <dl className="facts">
        <dt>State</dt>
        <dd><SecretState secret={s} /></dd>
        {s.store && (
          <>
            <dt>Store</dt>
            <dd>{s.store}</dd>
          </>
        )}
        {s.name && (
          <>
            <dt>Name there</dt>
            <dd><Copyable text={s.name} what="the name in the store" /></dd>
          </>
        )}
        {!s.missing && (
          <>
            <dt>Version</dt>
            <dd><Copyable text={s.version} what="the version" /></dd>
            <dt>Created</dt>
            <dd>{s.created ? <When time={s.created} /> : "the store does not say"}</dd>
            <dt>Changed</dt>
            <dd>{s.updated ? <When time={s.updated} /> : "the store does not say"}</dd>
            <dt>Expires</dt>
            <dd>{s.expires ? <When time={s.expires} /> : "never"}</dd>
          </>
        )}
        {s.name && (
          <>
            <dt>Used by</dt>
            <dd><UsedBy secret={s} all /></dd>
            <dt>Last used</dt>
            <dd>
              <LastUse secret={s} />
              {s.lastOutcome?.message && <pre className="said">{s.lastOutcome.message}</pre>}
            </dd>
          </>
        )}
      </dl>
      {s.missing && (
        <Alert color="red" role="status" title="The store has none of this ref">
          Runs of connectors that use it fail until it is set.
        </Alert>
      )}
      <Group>
        {may("secrets.write") && <Button onClick={() => onRotate(s)}>{s.missing ? "Set it" : "Rotate"}</Button>}
        {!s.missing && may("secrets.delete") && (
          <Button variant="light" color="red" onClick={() => setDeleting(true)}>
            Delete
          </Button>
        )}
      </Group>
      {!s.missing && can.includes("VERSIONS") && <Versions secretRef={secretRef} current={s.version} />}
      {deleting && <DeleteSecret secret={s} secretRef={secretRef} onDone={onClose} onClose={() => setDeleting(false)} />}
    </Stack>
  );
}

/** What can be done about a secret that was deleted, where the store keeps those. */
function Gone({ secretRef, onDone }: { secretRef: string; onDone: () => void }) {
  const may = useMay();
  const can = useStatus().data?.provider.capabilities ?? [];
  const recover = useRecover(secretRef, onDone);
  const [purging, setPurging] = useState(false);
  return (
    <Stack>
      <Alert color="orange" role="status" title="It was deleted">
        <Text size="sm">The store keeps it for a while. Until it is recovered or purged, nobody can set it anew.</Text>
      </Alert>
      <Title order={3} size="h5">
        What you can do
      </Title>
      <Group>
        {can.includes("RECOVER") && may("secrets.delete") && (
          <Button loading={recover.busy} onClick={recover.press}>
            Recover
          </Button>
        )}
        {can.includes("PURGE") && may("secrets.purge") && (
          <Button variant="light" color="red" onClick={() => setPurging(true)}>
            Purge
          </Button>
        )}
        {!may("secrets.delete") && <Text size="sm">Ask somebody who may recover secrets.</Text>}
      </Group>
      {purging && <PurgeSecret secretRef={secretRef} onDone={onDone} onClose={() => setPurging(false)} />}
    </Stack>
  );
}
