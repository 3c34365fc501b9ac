import { Autocomplete, Button, Group } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { must } from "../api/client";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { SetSecret } from "../secrets/SetSecret";

const offered = 20;

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
  const api = useApi();
  const may = useMay();
  const [setting, setSetting] = useState(false);
  const [q] = useDebouncedValue(value.replace(/^secret:\/{0,2}/, ""), 250);
  const found = useQuery({
    queryKey: ["secrets", "like", q],
    queryFn: ({ signal }) => must(api.GET("/api/secrets", { params: { query: { limit: offered, ...(q && { q }) } }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });
  const stored = (found.data?.items ?? []).filter((s) => !s.missing).flatMap((s) => s.ref ?? []);
  const known = stored.includes(value);
  return (
    <Group align="flex-end" gap="xs" maw={maw}>
      <Autocomplete
        {...input}
        flex="1 1 14rem"
        data={[...new Set(stored)]}
        value={value}
        onChange={onChange}
        filter={({ options }) => options} // the server has filtered
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
