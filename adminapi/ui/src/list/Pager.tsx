import { Button, Group, NativeSelect, Text, VisuallyHidden } from "@mantine/core";
import { count } from "../parts/words";
import type { ServerPage } from "./useServerList";
import { sizes, type ViewControl } from "./view";

/**
 * Steps between pages. The buttons stay where they are and keep the focus also
 * when there is nowhere to go, so that a page can be left through by keyboard.
 */
export function Pager({ what, view, page }: { what: string; view: Pick<ViewControl, "trail" | "size" | "change" | "next" | "previous">; page: ServerPage<unknown> }) {
  const next = page.next;
  const number = view.trail.length + 1;
  const first = (number - 1) * view.size + 1;
  const last = first + page.items.length - 1;
  const oneSize = number === 1 && !next && page.items.length <= (sizes[0] ?? 0);
  if (oneSize) return null;
  return (
    <Group component="nav" justify="space-between" gap="sm" aria-label={`Pages of ${what}`}>
      <NativeSelect
        size="xs"
        aria-label="Rows on a page"
        value={view.size}
        onChange={(e) => view.change({ size: Number(e.currentTarget.value) })}
        data={sizes.map((n) => ({ value: String(n), label: `${n} rows` }))}
      />
      <Group gap="xs">
        <Text size="sm" c="dimmed" role="status">
          {/* Without a total a page may have fewer rows than were asked for, and not be the last. */}
          {page.total !== undefined && page.items.length > 0 ? (
            <>
              <VisuallyHidden>Page {number}: </VisuallyHidden>
              {count(first)} to {count(last)} of {count(page.total)}
            </>
          ) : (
            `Page ${count(number)}`
          )}
        </Text>
        <Step label="Previous page" text="Previous" go={view.trail.length > 0 ? view.previous : undefined} />
        <Step label="Next page" text="Next" go={next ? () => view.next(next) : undefined} />
      </Group>
    </Group>
  );
}

function Step({ label, text, go }: { label: string; text: string; go: (() => void) | undefined }) {
  return (
    <Button size="xs" variant="default" aria-label={label} aria-disabled={go === undefined} {...(go === undefined && { "data-disabled": true })} onClick={() => go?.()}>
      {text}
    </Button>
  );
}
