import { Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { must } from "../api/client";
import { useApi } from "../session/session";

const offered = 20;

/** Narrows a list down to one connector, of which there may be thousands: the server finds it by a part of its name. */
export function ConnectorFilter({ value, onChange }: { value: string | undefined; onChange: (id: string) => void }) {
  const api = useApi();
  const [text, setText] = useState("");
  const [q] = useDebouncedValue(text, 250);
  const found = useQuery({
    queryKey: ["connectors", "named", q],
    queryFn: ({ signal }) => must(api.GET("/api/connectors", { params: { query: { limit: offered, ...(q && { q }) } }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
  const chosen = useQuery({
    queryKey: ["connectors", "name", value],
    queryFn: ({ signal }) => must(api.GET("/api/connectors/{id}", { params: { path: { id: value ?? "" } }, signal })),
    enabled: Boolean(value),
    staleTime: Infinity,
  });
  const options = (found.data?.items ?? []).map((c) => ({ value: c.id, label: c.name }));
  if (value && !options.some((o) => o.value === value)) options.unshift({ value, label: chosen.data?.name ?? value });
  return (
    <Select
      label="Connector"
      placeholder="All"
      data={options}
      value={value ?? null}
      onChange={(id) => onChange(id ?? "")}
      searchable
      clearable
      clearButtonProps={{ "aria-label": "All connectors" }}
      onSearchChange={setText}
      filter={({ options: all }) => all} // the server has filtered
      nothingFoundMessage="No connector is named so"
      w="14rem"
    />
  );
}
