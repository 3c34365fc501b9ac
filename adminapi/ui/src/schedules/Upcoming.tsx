import { Anchor, Popover, Stack, Text } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { must, type Schemas } from "../api/client";
import { asProblem } from "../api/problem";
import { exact } from "../parts/words";
import { useApi } from "../session/session";
import type { Timing } from "./words";

/** The next times of a schedule, or of a timing that somebody is typing, as the API reckons them. due is when the first one is. */
export function Upcoming({ timing: { cron, intervalSeconds }, due }: { timing: Timing; due?: string }) {
  const api = useApi();
  const query = { ...(cron ? { cron } : { intervalSeconds: intervalSeconds ?? 0 }), ...(due && { due }) };
  const times = useQuery({
    queryKey: ["connectors", "upcoming", query],
    queryFn: ({ signal }) => must(api.GET("/api/schedules/upcoming", { params: { query }, signal })),
    placeholderData: keepPreviousData,
    retry: false,
  });
  if (times.isError) {
    const { message, items } = asProblem(times.error);
    return <Text size="sm">{items[0]?.message ?? message}</Text>;
  }
  return (
    <ul className="plain" aria-label="The next times" aria-busy={times.isPlaceholderData || times.isPending}>
      {times.data?.items.map((at) => (
        <Text key={at} component="li" size="sm">
          <time dateTime={at}>{exact(at)}</time>
        </Text>
      ))}
    </ul>
  );
}

/** The next times of a schedule, for who asks for them. */
export function UpcomingOf({ schedule: s, named }: { schedule: Schemas["Schedule"]; named: string }) {
  return (
    <Popover withArrow trapFocus returnFocus withinPortal>
      <Popover.Target>
        <Anchor component="button" type="button" size="xs" aria-label={`The next times of ${named}`}>
          Next times
        </Anchor>
      </Popover.Target>
      <Popover.Dropdown aria-label={`The next times of ${named}`}>
        <Stack gap={4} tabIndex={-1} data-autofocus>
          <Text size="sm" fw={700}>Next times</Text>
          <Upcoming timing={s} due={s.nextDue} />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
