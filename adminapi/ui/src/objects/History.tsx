import { Anchor, Group, Stack, Text, Timeline, Title } from "@mantine/core";
import { Link } from "react-router";
import { must, type Schemas } from "../api/client";
import { Pager } from "../list/Pager";
import { useServerList } from "../list/useServerList";
import { useOwnView } from "../list/view";
import { State, When } from "../parts/Badges";
import { Loaded } from "../parts/States";
import { exact } from "../parts/words";
import { useApi } from "../session/session";

type Change = Schemas["ObjectChange"];

const changes: Record<Change["change"], { color: string; text: string }> = {
  added: { color: "green", text: "Added" },
  updated: { color: "blue", text: "Updated" },
  returned: { color: "teal", text: "Came back" },
  absent: { color: "gray", text: "Gone from the source" },
};

/** What happened to an object, the newest first. Values are not recorded, only which attributes changed. */
export function History({ id }: { id: number }) {
  const api = useApi();
  const view = useOwnView();
  const history = useServerList(`object-history ${id}`, view, ({ limit, cursor }, signal) =>
    must(api.GET("/api/objects/{id}/history", { params: { path: { id }, query: { limit, ...(cursor && { cursor }) } }, signal })),
  );
  return (
    <section aria-label="History">
      <Title order={2} size="h4" mb="sm">
        History
      </Title>
      <Loaded query={history} what="the history">
        {(page) => (
          <Stack gap="sm">
            {page.items.length === 0 && (
              <Text size="sm" c="dimmed">
                {page.cut ? "What happened is so long ago that its records were removed." : "Nothing was recorded of it yet."}
              </Text>
            )}
            <Timeline bulletSize={14} lineWidth={2} active={page.items.length} role="list" aria-label="Changes, the newest first">
              {page.items.map((c) => (
                <Timeline.Item key={c.seq} role="listitem" color={changes[c.change].color} title={<Happened change={c} />}>
                  <What change={c} />
                </Timeline.Item>
              ))}
            </Timeline>
            {page.cut && page.items.length > 0 && (
              <Text size="sm" c="dimmed">
                Older changes are not here any more: their records were too old to be kept.
              </Text>
            )}
            <Pager what="changes" view={view} page={page} />
          </Stack>
        )}
      </Loaded>
    </section>
  );
}

function Happened({ change: c }: { change: Change }) {
  return (
    <Group gap="xs">
      <State {...changes[c.change]} />
      <Text size="sm">
        <When time={c.time} />, {exact(c.time)}
      </Text>
    </Group>
  );
}

function What({ change: c }: { change: Change }) {
  return (
    <Stack gap={4} mt={4}>
      {c.typeBefore && <Text size="sm">It was a {c.typeBefore} and is a {c.type} now.</Text>}
      {c.attributes.length > 0 && (
        <Text size="sm" className="anywhere">
          {c.change === "updated" ? "Changed: " : "With: "}
          <span className="mono">{c.attributes.join(", ")}</span>
          {c.more ? ` and ${c.more} more` : ""}
        </Text>
      )}
      <Anchor component={Link} to={`/runs/${c.runId}`} size="sm" aria-label={`The run of ${exact(c.time)}`}>
        The run
      </Anchor>
    </Stack>
  );
}
