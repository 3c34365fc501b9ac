import { useState } from "react";
import { useNotices } from "./Notices";

/**
 * Runs one action at a time, and tells its outcome. The action returns what to
 * say when it is done.
 */
export function useAction(): { busy: boolean; run: (action: () => Promise<string>) => Promise<void> } {
  const notices = useNotices();
  const [busy, setBusy] = useState(false);
  return {
    busy,
    async run(action) {
      setBusy(true);
      try {
        notices.done(await action());
      } catch (thrown) {
        notices.failed(thrown);
      } finally {
        setBusy(false);
      }
    },
  };
}
