import type { Schemas } from "../api/client";
import { Listing } from "../parts/Listing";
import { runColumns } from "./columns";

/** A few runs within another page. */
export function RunsTable({ label, runs }: { label: string; runs: Schemas["Run"][] }) {
  return <Listing label={label} rows={runs} id={(r) => r.id} columns={runColumns} />;
}
