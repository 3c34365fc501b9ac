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
        {/* In an alert, whose colour the usual one of links cannot be told from. */}
        <Anchor
          component="button"
          type="button"
          size="sm"
          ta="left"
          {...(words && { c: "inherit", underline: "always" })}
          aria-label={words ? `${words} ${reason}` : `${reason}: what does it mean?`}
        >
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
