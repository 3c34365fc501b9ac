import { useCallback } from "react";
import { useSession } from "./session";

/** The named rights of the API; each operation says in its document which one it needs. */
export type Permission =
  | "connectors.read" | "connectors.write" | "connectors.test" | "schedules.write"
  | "runs.read" | "runs.start" | "runs.cancel" | "objects.read"
  | "secrets.read" | "secrets.write" | "secrets.delete" | "secrets.purge"
  | "status.read" | "provider.reload" | "settings.read" | "settings.write" | "audit.read"
  | "tokens.read" | "tokens.write" | "sessions.write" | "session";

/**
 * Returns a function that says whether who is signed in may do something. What he
 * may not is not offered; the API refuses it all the same.
 */
export function useMay(): (permission: Permission) => boolean {
  const permissions = useSession().who?.permissions;
  return useCallback((permission) => permissions?.includes(permission) ?? false, [permissions]);
}
