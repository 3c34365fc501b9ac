import { Alert, Button, Group, List, Stack, Text } from "@mantine/core";
import { asProblem, nextStep } from "../api/problem";
import { Explain } from "./Explain";

interface Props {
  error: unknown;
  title?: string | undefined;
  onRetry?: () => void;
  onClose?: () => void;
}

/** Says what happened, why, and what to do. Screen readers hear it at once. */
export function ProblemAlert({ error, title, onRetry, onClose }: Props) {
  const e = asProblem(error);
  const p = e.problem;
  const step = nextStep(e);
  const facts = [
    p.reason && `Reason ${p.reason}${p.source ? ` (${p.source})` : ""}`,
    p.configPath && `Configuration key ${p.configPath}`,
    p.backendRequestId && `Request id of the store ${p.backendRequestId}`,
    p.requestId && `Request id ${p.requestId}`,
  ].filter(Boolean);
  return (
    <Alert color="red" role="alert" title={title ?? p.title} variant="light" {...(onClose && { withCloseButton: true, closeButtonLabel: "Close", onClose })}>
      <Stack gap="xs">
        {p.detail && <Text size="sm" className="anywhere">{p.detail}</Text>}
        {e.items.length > 0 && (
          <List size="sm" spacing={4}>
            {e.items.map((i) => (
              <List.Item key={i.path + i.message}>
                <b>{i.path}</b>: {i.message}
                {i.detail && ` ${i.detail}`}
              </List.Item>
            ))}
          </List>
        )}
        {step && (
          <Text size="sm" fw={600}>
            What to do: {step}
          </Text>
        )}
        <Explain reason={p.reason} words="What does this mean?" />
        {facts.length > 0 && (
          <Text size="xs" className="anywhere">
            {facts.join(" · ")}
          </Text>
        )}
        {onRetry && (
          <Group>
            <Button size="xs" variant="default" onClick={onRetry}>
              Try again
            </Button>
          </Group>
        )}
      </Stack>
    </Alert>
  );
}
