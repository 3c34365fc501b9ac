import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { Dialog } from "../parts/Dialog";

/** A deleted secret is in no list unless a connector uses it; who knows its ref finds it so. */
export function FindDeleted({ onFind, onClose }: { onFind: (ref: string) => void; onClose: () => void }) {
  const [ref, setRef] = useState("secret://");
  const [wrong, setWrong] = useState(false);
  function submit(e: FormEvent) {
    e.preventDefault();
    if (!/^secret:\/\/./.test(ref.trim())) return setWrong(true);
    onClose();
    onFind(ref.trim());
  }
  return (
    <Dialog onClose={onClose} title="Find a deleted secret">
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text size="sm">The store keeps deleted secrets for a while. Enter the ref; the audit log has it if nobody remembers.</Text>
          <TextInput
            label="Ref"
            value={ref}
            onChange={(e) => setRef(e.currentTarget.value)}
            error={wrong ? "It begins with secret:// and goes on with a name, as in secret://ad/svc/password" : undefined}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit">Find</Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
