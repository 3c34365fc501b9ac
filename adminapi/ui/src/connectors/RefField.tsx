import { Autocomplete, Button, Group } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useSecrets } from "../api/queries";
import { useMay } from "../session/may";
import { SetSecret } from "../secrets/SetSecret";

interface Props {
  label: string;
  description: ReactNode;
  error: string | undefined;
  withAsterisk: boolean;
  maw: string;
  value: string;
  onChange: (ref: string) => void;
}

/** The ref of a secret: one that exists, or one that is set in place. */
export function RefField({ value, onChange, maw, ...input }: Props) {
  const secrets = useSecrets();
  const may = useMay();
  const [setting, setSetting] = useState(false);
  const refs = secrets.data?.pages.flatMap((p) => p.items.flatMap((s) => s.ref ?? [])) ?? [];
  const known = refs.includes(value);
  return (
    <Group align="flex-end" gap="xs" maw={maw}>
      <Autocomplete
        {...input}
        flex="1 1 14rem"
        data={[...new Set(refs)]}
        value={value}
        onChange={onChange}
        limit={50}
        placeholder="secret://…"
        autoComplete="off"
        spellCheck={false}
      />
      {!known && may("secrets.write") && (
        <Button variant="default" onClick={() => setSetting(true)} aria-label={`Set a new secret for ${input.label}`}>
          Set a new secret
        </Button>
      )}
      {setting && <SetSecret suggestion={value} onClose={() => setSetting(false)} onSet={onChange} />}
    </Group>
  );
}
