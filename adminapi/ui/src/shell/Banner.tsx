import { Alert, Stack, Text } from "@mantine/core";
import { useStatus } from "../api/queries";

/** What must be known on every page, because secrets would go to the wrong store. */
export function Banner() {
  const status = useStatus().data;
  if (!status || (!status.provider.fallback && !status.mismatch)) return null;
  return (
    <Stack gap="sm" mb="md">
      {status.provider.fallback && (
        <Alert color="orange" role="status" title={`The configured secret provider is unknown; ${status.provider.name} serves in its place`}>
          <Text size="sm">{status.provider.why}</Text>
          <Text size="sm" fw={600}>
            What to do: correct <span className="mono">Secrets:Provider</span> in appsettings.json on every host, then restart the services. Secrets that you set until
            then go to {status.provider.name}.
          </Text>
        </Alert>
      )}
      {status.mismatch && (
        <Alert color="red" role="status" title="Processes of the product use different secret stores">
          <Text size="sm">What is set in one is not found by the other.</Text>
          <Text size="sm" fw={600}>
            What to do: make the section <span className="mono">Secrets</span> of appsettings.json equal on all hosts, then restart the services.
          </Text>
        </Alert>
      )}
    </Stack>
  );
}
