import { Text } from "@mantine/core";
import { must } from "../api/client";
import { useRefresh, useStatus } from "../api/queries";
import { Confirm } from "../parts/Confirm";
import { useNotices } from "../parts/Notices";
import { useAction } from "../parts/useAction";
import { useApi } from "../session/session";
import type { ListedSecret } from "./cells";

interface Props {
  secretRef: string;
  onClose: () => void;
  onDone: () => void;
}

export function DeleteSecret({ secret: s, secretRef, onDone, onClose }: Props & { secret: ListedSecret }) {
  const api = useApi();
  const refresh = useRefresh();
  const notices = useNotices();
  const recoverable = useStatus().data?.provider.capabilities.includes("RECOVER");
  const users = s.usedBy.map((u) => u.connectorName).join(", ") + (s.usedByCount > s.usedBy.length ? ` and ${s.usedByCount - s.usedBy.length} more` : "");
  return (
    <Confirm
      title="Delete the secret"
      typed={secretRef}
      action="Delete"
      onClose={onClose}
      onConfirm={async () => {
        // As it was seen: a value that somebody has set meanwhile is not deleted unseen.
        // Stores may have versions of any text; only plain ones are sure to be their own entity tag.
        const header = /^[\w.~-]+$/.test(s.version) ? { "If-Match": `"${s.version}"` } : {};
        await must(api.DELETE("/api/secrets", { params: { query: { ref: secretRef }, header } }));
        refresh("secrets", "attention");
        notices.done(recoverable ? "The secret was deleted. It can be recovered for a while: press Find a deleted one." : "The secret was deleted.");
        onDone();
      }}
    >
      <Text size="sm">
        {s.usedByCount > 0 ? `Runs of ${users} will fail until it is set again.` : "No connector uses it."}{" "}
        {recoverable ? "The store keeps it for a while, so that it can be recovered." : "It cannot be brought back."}
      </Text>
    </Confirm>
  );
}

export function PurgeSecret({ secretRef, onDone, onClose }: Props) {
  const api = useApi();
  const refresh = useRefresh();
  const notices = useNotices();
  return (
    <Confirm
      title="Purge the secret"
      typed={secretRef}
      action="Purge"
      onClose={onClose}
      onConfirm={async () => {
        await must(api.POST("/api/secrets/purge", { body: { ref: secretRef } }));
        refresh("secrets", "attention");
        notices.done("The secret was purged. Its ref is free again.");
        onDone();
      }}
    >
      <Text size="sm">It is removed from the store for ever, with all its versions. Nobody can bring it back.</Text>
    </Confirm>
  );
}

/** Brings a deleted secret back with its old value. */
export function useRecover(secretRef: string, onDone: () => void) {
  const api = useApi();
  const refresh = useRefresh();
  const { busy, run } = useAction();
  const press = () =>
    void run(async () => {
      await must(api.POST("/api/secrets/recover", { body: { ref: secretRef } }));
      refresh("secrets", "attention");
      onDone();
      return "The secret is back with its old value. Some stores take a moment until they serve it.";
    });
  return { busy, press };
}
