import { Anchor, Button, Text } from "@mantine/core";
import { useState } from "react";
import { must, type Schemas } from "../api/client";
import { TextFilter, TimeFilter } from "../list/Filters";
import { ServerList } from "../list/ServerList";
import { useServerList } from "../list/useServerList";
import { useAddressView } from "../list/view";
import { State } from "../parts/Badges";
import { Empty } from "../parts/States";
import { exact } from "../parts/words";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { AuditDetail } from "./Detail";
import { useVerify } from "./Verify";

type Record = Schemas["AuditRecord"];

/** Who changed what, the newest first. */
export function AuditPage() {
  const api = useApi();
  const view = useAddressView("actor", "action", "target", "outcome", "from", "to");
  const query = useServerList("audit", view, (query, signal) => must(api.GET("/api/audit", { params: { query }, signal })));
  const [open, setOpen] = useState<Record | null>(null);
  const check = useVerify();
  const text = (name: "actor" | "action" | "target" | "outcome", label: string, placeholder: string) => (
    <TextFilter label={label} placeholder={placeholder} value={view.filters[name]} onChange={(value) => view.change({ filters: { [name]: value } })} />
  );
  return (
    <Page
      title="Audit"
      actions={
        <>
          <Button variant="default" onClick={check.verify} loading={check.running}>
            Verify
          </Button>
          {/* The browser saves it as it comes: it may be larger than what a page can hold. */}
          <Button variant="default" component="a" href="/api/audit/export" download>
            Export
          </Button>
        </>
      }
    >
      <Text size="sm" c="dimmed">
        Each action has a record before it is done and one after. Each record holds the hash of the one before, so nobody can change one unseen.
      </Text>
      {check.result}
      <ServerList
        what="records"
        view={view}
        query={query}
        id={(r) => String(r.seq)}
        filters={
          <>
            {text("actor", "Who", "token administrator")}
            {text("action", "Action", "secrets.set")}
            {text("target", "To what begins with", "secret://ad/")}
          </>
        }
        more={{
          of: ["outcome", "from", "to"],
          fields: (
            <>
              {text("outcome", "Outcome", "OK")}
              <TimeFilter label="From" value={view.filters.from} onChange={(from) => view.change({ filters: { from } })} />
              <TimeFilter label="Until" value={view.filters.to} onChange={(to) => view.change({ filters: { to } })} />
            </>
          ),
        }}
        empty={<Empty title="Nobody has changed anything yet">Whatever somebody changes here or by the API shows up in this place.</Empty>}
        columns={[
          { header: "Time", cell: (r) => exact(r.time) },
          { header: "Who", cell: (r) => r.actor },
          {
            header: "Action",
            cell: (r) => (
              <Anchor component="button" type="button" inherit ta="left" className="whole" onClick={() => setOpen(r)} aria-label={`${r.action}, ${r.phase} of ${exact(r.time)}`}>
                {r.action}
              </Anchor>
            ),
          },
          { header: "To what", cell: (r) => <span className="anywhere">{r.target}</span> },
          { header: "Outcome", cell: (r) => <OutcomeState record={r} /> },
        ]}
      />
      {open && <AuditDetail record={open} among={query.data?.items ?? []} onClose={() => setOpen(null)} />}
    </Page>
  );
}

function OutcomeState({ record: r }: { record: Record }) {
  if (r.phase === "intent") return <State color="gray" text="Asked for" />;
  return <State color={r.outcome === "OK" ? "green" : "red"} text={r.outcome ?? ""} />;
}
