import { Button, Checkbox, Group, MultiSelect, NativeSelect, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, type RefObject, useRef, useState } from "react";
import { must, type Schemas } from "../api/client";
import { useOnce } from "../api/once";
import { asProblem } from "../api/problem";
import { wordsFor } from "../connectors/schema";
import { Dialog } from "../parts/Dialog";
import { ProblemAlert } from "../parts/ProblemAlert";
import { useApi, useSession } from "../session/session";
import { useRoles } from "./queries";

type Input = Schemas["TokenInput"];
type Role = NonNullable<Input["role"]>;

const lives = [
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "1 year" },
  { value: "never", label: "Never" },
];

/**
 * Makes a token and shows it, once. The token itself is only ever in its field,
 * not in React's state, and is wiped when this is closed.
 */
export function NewToken({ onMade, onClose }: { onMade: () => void; onClose: () => void }) {
  const api = useApi();
  const mine = useSession().who?.permissions ?? [];
  const roles = useRoles().data;
  const secret = useRef<HTMLInputElement>(null);
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("Viewer");
  const [permissions, setPermissions] = useState<string[]>([]);
  const [life, setLife] = useState("90");
  const [made, setMade] = useState("");
  const [kept, setKept] = useState(false);
  const [busy, setBusy] = useState(false);
  const [opened] = useState(Date.now); // the same for each try
  const once = useOnce();
  const [problem, setProblem] = useState<unknown>(null);
  const items = problem === null ? [] : asProblem(problem).items;
  // Nobody can make one that may do more than he himself.
  const possible = roles?.items.filter((r) => r.permissions.every((p) => mine.includes(p))) ?? [];
  const ofRole = roles?.items.find((r) => r.name === role)?.permissions ?? [];

  async function submit(e: FormEvent) {
    e.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const body: Input = {
        name,
        role,
        ...(permissions.length > 0 && { permissions }),
        ...(life === "never" ? { never: true } : { expires: new Date(opened + Number(life) * 86_400_000).toISOString() }),
      };
      const answer = await once(body, (header) => must(api.POST("/api/tokens", { params: { header }, body })));
      if (secret.current) secret.current.value = answer.token;
      setMade(answer.name);
      onMade();
    } catch (thrown) {
      setProblem(thrown);
      onMade(); // it may have been, and the answer was lost
    }
    setBusy(false);
  }

  function close() {
    if (busy || (made && !kept)) return; // one that nobody has read would be left
    if (secret.current) secret.current.value = "";
    onClose();
  }

  return (
    <Dialog onClose={close} withCloseButton={!made} title={made ? `The token ${made}` : "Make a token"}>
      <form onSubmit={submit} noValidate hidden={made !== ""}>
        <Stack>
          <TextInput
            label="Name"
            description="Of the program that will use it; the audit log names it"
            value={name}
            onChange={(e) => setName(e.currentTarget.value)}
            error={wordsFor(items, "name")}
            autoComplete="off"
            data-autofocus
          />
          <NativeSelect
            label="Role"
            value={role}
            onChange={(e) => {
              setRole(e.currentTarget.value as Role);
              setPermissions([]);
            }}
            data={possible.map((r) => ({ value: r.name, label: `${r.name}: ${r.meaning}` }))}
            error={wordsFor(items, "role")}
          />
          <MultiSelect
            label="Only these permissions"
            description="Everything that the role may, when this is left empty"
            data={ofRole}
            value={permissions}
            onChange={setPermissions}
            error={wordsFor(items, "permissions")}
            searchable
            clearable
            clearButtonProps={{ "aria-label": "Take all permissions out" }}
          />
          <NativeSelect label="Valid for" value={life} onChange={(e) => setLife(e.currentTarget.value)} data={lives} error={wordsFor(items, "expires")} />
          {life === "never" && (
            <Text size="sm">A token without an end stays valid for whoever finds it, until somebody revokes it.</Text>
          )}
          {problem !== null && <ProblemAlert error={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close} disabled={busy}>
              Cancel
            </Button>
            <Button type="submit" loading={busy}>
              Make
            </Button>
          </Group>
        </Stack>
      </form>
      <Stack display={made ? undefined : "none"} aria-live="polite">
        <Text size="sm">This is the only time that it is shown. Copy it to where the program finds it, not into a chat or a mail.</Text>
        <Shown field={secret} />
        <Checkbox label="I have kept it" checked={kept} onChange={(e) => setKept(e.currentTarget.checked)} />
        <Group justify="flex-end">
          <Button disabled={!kept} onClick={close}>
            Done
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

/** A field that can be read and copied, and that React does not know the content of. */
function Shown({ field }: { field: RefObject<HTMLInputElement | null> }) {
  const [copied, setCopied] = useState<"" | "yes" | "no">("");
  async function copy() {
    try {
      await navigator.clipboard.writeText(field.current?.value ?? "");
      setCopied("yes");
    } catch {
      field.current?.select(); // so that the keyboard can copy it
      setCopied("no");
    }
  }
  return (
    <Group align="flex-end" gap="xs">
      <TextInput ref={field} label="Token" readOnly flex={1} className="mono" autoComplete="off" spellCheck={false} data-1p-ignore data-lpignore="true" onFocus={(e) => e.currentTarget.select()} />
      <Button variant="default" onClick={() => void copy()}>
        {copied === "yes" ? "Copied" : "Copy"}
      </Button>
      {copied === "no" && <Text size="sm" role="status">The browser does not let this page copy; press Ctrl+C.</Text>}
    </Group>
  );
}
