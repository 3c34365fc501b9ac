import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { Component, type ReactNode } from "react";

interface Props {
  /** Where one is: going elsewhere tries anew. */
  at: string;
  children: ReactNode;
}

/**
 * What is shown in the place of a page that broke, or that could not be loaded:
 * after an update of the server its old files are gone.
 */
export class Failed extends Component<Props, { error: unknown; at: string }> {
  override state = { error: null, at: this.props.at };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps(props: Props, state: { error: unknown; at: string }) {
    return props.at === state.at ? null : { error: null, at: props.at };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <Alert color="red" role="alert" title="This page could not be shown">
        <Stack gap="xs">
          <Text size="sm">The Admin API may have been updated since this page was opened, or the connection broke off.</Text>
          <Text size="sm" fw={600}>
            What to do: reload. If it happens again, tell whoever looks after IdentityMesh these words: {String(this.state.error)}
          </Text>
          <Group>
            <Button size="xs" variant="default" onClick={() => location.reload()}>
              Reload
            </Button>
          </Group>
        </Stack>
      </Alert>
    );
  }
}
