import { Button, CopyButton, Group } from "@mantine/core";

/** A text that somebody will want elsewhere, with a button that copies it. what names it: "the trace id". */
export function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <Group gap={6} component="span" display="inline-flex">
      <span className="mono">{text}</span>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button size="compact-xs" variant="subtle" color="gray" c="dimmed" onClick={copy} aria-label={copied ? `Copied ${what}` : `Copy ${what} ${text}`}>
            {copied ? "Copied" : "Copy"}
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}
