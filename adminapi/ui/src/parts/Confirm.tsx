import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { Dialog } from "./Dialog";
import { ProblemAlert } from "./ProblemAlert";
import { useProblem } from "./useProblem";

interface Props {
  title: string;
  /** What to type before the button works. */
  typed: string;
  action: string;
  children: ReactNode;
  onClose: () => void;
  onConfirm: () => Promise<void>;
}

/** Asks before something that cannot be undone: its name must be typed. */
export function Confirm({ title, typed, action, children, onClose, onConfirm }: Props) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useProblem();
  async function submit(e: FormEvent) {
    e.preventDefault();
    if (text !== typed) return;
    setBusy(true);
    setProblem(null);
    try {
      await onConfirm();
      onClose();
    } catch (thrown) {
      setProblem(thrown);
      setBusy(false);
    }
  }
  return (
    <Dialog onClose={onClose} title={title}>
      <form onSubmit={submit}>
        <Stack>
          <div>{children}</div>
          <Text size="sm">
            Type <b className="mono">{typed}</b> to confirm.
          </Text>
          <TextInput data-autofocus aria-label={`Type ${typed} to confirm`} autoComplete="off" value={text} onChange={(e) => setText(e.currentTarget.value)} />
          {problem !== null && <ProblemAlert error={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" color="red" disabled={text !== typed} loading={busy}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
