import { Anchor, Popover, Stack, Text } from "@mantine/core";
import { reasonOf } from "../api/reasons";

/** A reason code that explains itself when it is pressed: what happened, why, what to do. */
export function Explain({ reason, words }: { reason: string | undefined; words?: string }) {
  const means = reasonOf(reason);
  if (!reason) return null;
  if (!means) return words ? null : <>{reason}</>;
  return (
    <Popover width="min(22rem, calc(100vw - 32px))" withArrow trapFocus returnFocus withinPortal zIndex={400}>
      <Popover.Target>
        <Anchor component="button" type="button" size="sm" ta="left" aria-label={`What does ${reason} mean?`}>
          {words ?? reason}
        </Anchor>
      </Popover.Target>
      <Popover.Dropdown aria-label={`What ${reason} means`}>
        <Stack gap={6} tabIndex={-1} data-autofocus>
          <Text size="sm" fw={700}>{reason}</Text>
          <Text size="sm"><b>What happened:</b> {means.what}</Text>
          <Text size="sm"><b>Why:</b> {means.why}</Text>
          <Text size="sm"><b>What to do:</b> {means.todo}</Text>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
