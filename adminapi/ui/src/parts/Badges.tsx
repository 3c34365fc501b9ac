import { Badge, Text } from "@mantine/core";
import type { Schemas } from "../api/client";
import { useAging } from "./useAging";
import { ago, exact } from "./words";

const runColors: Record<Schemas["Run"]["status"], string> = {
  Queued: "gray",
  Running: "blue",
  Succeeded: "green",
  Failed: "red",
  Interrupted: "orange",
  Cancelled: "gray",
};

export function RunBadge({ status }: { status: Schemas["Run"]["status"] }) {
  return <State color={runColors[status]} text={status} />;
}

/** The state of the secret provider. */
export function ProviderBadge({ state }: { state: string }) {
  const color = state === "Ready" ? "green" : state === "Degraded" ? "yellow" : ["Crashed", "Backoff", "Quarantined"].includes(state) ? "red" : "blue";
  return <State color={color} text={state} />;
}

export function State({ color, text }: { color: string; text: string }) {
  return (
    <Badge color={color} variant="light" c="var(--mantine-color-text)" tt="none" className="state">
      {text}
    </Badge>
  );
}

export function When({ time }: { time: string | undefined }) {
  useAging(time);
  return (
    <Text component="time" inherit dateTime={time ?? ""} title={exact(time)}>
      {ago(time)}
    </Text>
  );
}
