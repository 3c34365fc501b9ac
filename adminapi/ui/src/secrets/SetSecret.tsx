import { Button, Checkbox, FileInput, Group, SegmentedControl, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { must, type Schemas } from "../api/client";
import { useRefresh, useStatus } from "../api/queries";
import { Dialog } from "../parts/Dialog";
import { useNotices } from "../parts/Notices";
import { ProblemAlert } from "../parts/ProblemAlert";
import { useProblem } from "../parts/useProblem";
import { useApi, useSession } from "../session/session";
import { aboutPaste, endsWithLine, fileAsBase64, maxValueBytes, withoutLineEnd } from "./value";

interface Props {
  /** The secret to rotate; without it a new one is set. */
  secret?: Schemas["SecretMetadata"];
  /** What the field for the ref begins with. */
  suggestion?: string;
  onClose: () => void;
  onSet?: (ref: string) => void;
}

const unseen = { type: "password", autoComplete: "off", spellCheck: false, "data-1p-ignore": true, "data-lpignore": "true" } as const;

type Mistakes = { ref?: string; value?: string; again?: string; file?: string };

/**
 * Sets or rotates a secret. The value stays in the two input elements, never in
 * React's state or in the cache, and is wiped there as soon as the call has
 * ended, however it ended.
 */
export function SetSecret({ secret, suggestion = "", onClose, onSet }: Props) {
  const api = useApi();
  const { lapsed } = useSession();
  const notices = useNotices();
  const refresh = useRefresh();
  const can = useStatus().data?.provider.capabilities ?? [];
  const value = useRef<HTMLInputElement>(null);
  const again = useRef<HTMLInputElement>(null);
  const [ref, setRef] = useState(secret?.ref ?? (suggestion || "secret://"));
  const [source, setSource] = useState("text");
  const [file, setFile] = useState<File | null>(null);
  const [ends, setEnds] = useState(false);
  const [cut, setCut] = useState(false);
  const [warning, setWarning] = useState("");
  const [expires, setExpires] = useState("");
  const [mistakes, setMistakes] = useState<Mistakes>({});
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useProblem();

  function wipe() {
    for (const input of [value.current, again.current]) if (input) input.value = "";
    setFile(null);
    setEnds(false);
    setCut(false);
    setWarning("");
  }
  // Nobody may find it who comes to a page on which somebody else was signed in.
  useEffect(() => {
    if (lapsed) wipe();
  }, [lapsed]);

  function find(): Mistakes {
    const out: Mistakes = {};
    if (!/^secret:\/\/./.test(ref)) out.ref = "It begins with secret:// and goes on with a name, as in secret://ad/svc/password";
    if (source === "file") {
      if (!file) out.file = "Choose a file";
      else if (file.size === 0) out.file = "The file is empty";
      else if (file.size > maxValueBytes) out.file = "A value has at most 1 MiB";
    } else if (!value.current?.value) out.value = "Enter the value";
    else if (value.current.value !== again.current?.value) out.again = "The two are not the same";
    return out;
  }

  async function submit(e: FormEvent) {
    e.preventDefault();
    e.stopPropagation(); // it may stand within a form
    const found = find();
    setMistakes(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    setProblem(null);
    try {
      await must(
        api.PUT("/api/secrets", {
          body: {
            ref,
            ...(source === "file" && file ? { valueBase64: await fileAsBase64(cut ? await withoutLineEnd(file) : file) } : { value: value.current?.value ?? "" }),
            ...(expires && { expires: new Date(expires).toISOString() }),
            // So that nobody else's value is overwritten unseen.
            ...(can.includes("CONDITIONAL_SET") && { expectedVersion: secret?.version ?? "" }),
          },
        }),
      );
      wipe();
      refresh("secrets", "attention");
      notices.done(secret ? "The secret was rotated. The next run uses the new value." : "The secret was set.");
      onSet?.(ref);
      onClose();
    } catch (thrown) {
      refresh("secrets"); // the version that was seen may be an old one
      setProblem(thrown);
      setBusy(false);
    } finally {
      wipe();
    }
  }

  return (
    <Dialog onClose={onClose} title={secret ? "Rotate the secret" : "Set a secret"}>
      <form onSubmit={submit} noValidate autoComplete="off">
        <Stack>
          <TextInput
            label="Ref"
            description={secret ? undefined : "The name by which connectors ask for it"}
            value={ref}
            onChange={(e) => setRef(e.currentTarget.value)}
            readOnly={secret !== undefined}
            data-autofocus={secret === undefined || undefined}
            autoComplete="off"
            spellCheck={false}
            error={mistakes.ref}
          />
          <SegmentedControl
            aria-label="Where the value comes from"
            value={source}
            onChange={(to) => {
              wipe();
              setSource(to);
            }}
            data={[
              { value: "text", label: "Type or paste" },
              { value: "file", label: "File" },
            ]}
          />
          {source === "text" ? (
            <>
              <TextInput
                ref={value}
                label="Value"
                {...unseen}
                data-autofocus={secret !== undefined || undefined}
                error={mistakes.value}
                onPaste={(e) => setWarning(aboutPaste(e.clipboardData.getData("text")))}
                onInput={(e) => e.currentTarget.value === "" && setWarning("")}
              />
              <TextInput ref={again} label="Value again" {...unseen} error={mistakes.again} />
              <Text size="sm" role="status">
                {warning}
              </Text>
            </>
          ) : (
            <>
              <FileInput
                label="File"
                description="For certificates and keys: its bytes are stored as they are, at most 1 MiB"
                placeholder="Choose a file"
                value={file}
                onChange={(chosen) => {
                  setFile(chosen);
                  setCut(false);
                  setEnds(false);
                  if (chosen) void endsWithLine(chosen).then(setEnds);
                }}
                error={mistakes.file}
                clearable
                clearButtonProps={{ "aria-label": "Take the file out" }}
              />
              {ends && (
                <Checkbox
                  label="Leave out the line break at its end"
                  description="Right for a password or a token in a text file, wrong for most certificates and keys"
                  checked={cut}
                  onChange={(e) => setCut(e.currentTarget.checked)}
                />
              )}
            </>
          )}
          {can.includes("EXPIRY") && (
            <TextInput type="datetime-local" label="Expires" description="In your time zone; leave it empty for never" value={expires} onChange={(e) => setExpires(e.currentTarget.value)} />
          )}
          {problem !== null && (
            <>
              <ProblemAlert error={problem} />
              <Text size="sm">The value was wiped from this form; enter it again for another try.</Text>
            </>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              {secret ? "Rotate" : "Set"}
            </Button>
          </Group>
        </Stack>
      </form>
    </Dialog>
  );
}
