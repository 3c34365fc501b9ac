import { Alert, Anchor, Button, Text } from "@mantine/core";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { must } from "../api/client";
import { useStatus } from "../api/queries";
import { ChoiceFilter, TimeFilter } from "../list/Filters";
import { ServerList } from "../list/ServerList";
import { useServerList } from "../list/useServerList";
import { useOwnView } from "../list/view";
import { When } from "../parts/Badges";
import { Copyable } from "../parts/Copyable";
import { Empty } from "../parts/States";
import { useMay } from "../session/may";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { LastUse, type ListedSecret, SecretState, UsedBy } from "./cells";
import { FindDeleted } from "./FindDeleted";
import { SecretDetail } from "./SecretDetail";
import { SetSecret } from "./SetSecret";

/**
 * All secrets by their refs. Values go in and are never shown: the API does not
 * return them. What is looked for stays out of the address, in case somebody
 * pastes into that field what he should not; only a ref that was chosen is there.
 */
export function SecretsPage() {
  const api = useApi();
  const may = useMay();
  const view = useOwnView<"used" | "missing" | "expiresBefore">();
  const query = useServerList("secrets", view, (q, signal) => must(api.GET("/api/secrets", { params: { query: q }, signal })));
  const provider = useStatus().data?.provider;
  const [search, setSearch] = useSearchParams();
  const ref = search.get("ref") ?? "";
  const [setting, setSetting] = useState<ListedSecret | "new" | null>(null);
  const [finding, setFinding] = useState(false);
  const page = query.data;
  const look = (at: string) => setSearch(at ? { ref: at } : {});
  const keepsDeleted = provider?.capabilities.some((c) => c === "RECOVER" || c === "PURGE");

  return (
    <Page
      title="Secrets"
      actions={
        <>
          {keepsDeleted && may("secrets.read") && (
            <Button variant="default" onClick={() => setFinding(true)}>
              Find a deleted one
            </Button>
          )}
          {may("secrets.write") && <Button onClick={() => setSetting("new")}>Set a secret</Button>}
        </>
      }
    >
      <Text c="dimmed" size="sm">
        {provider ? `Kept by ${provider.name}. ` : ""}Nobody can read a value here; setting a ref again rotates it, and the next run uses the new value.
      </Text>
      {page && !page.next && !page.complete && (
        <Alert color="yellow" role="status">
          The store did not say whether this is everything: secrets may be missing in this list.
        </Alert>
      )}
      <ServerList
        what="secrets"
        view={view}
        query={query}
        id={(s) => s.ref ?? s.name}
        search="Find by ref or name"
        filters={
          <>
            <ChoiceFilter
              label="Use"
              value={view.filters.used}
              onChange={(used) => view.change({ filters: { used } })}
              choices={[{ value: "true", label: "Used by connectors" }, { value: "false", label: "Used by none" }]}
            />
            <ChoiceFilter
              label="State"
              value={view.filters.missing}
              onChange={(missing) => view.change({ filters: { missing } })}
              choices={[{ value: "true", label: "Missing" }, { value: "false", label: "Stored" }]}
            />
            <TimeFilter label="Expires before" value={view.filters.expiresBefore} onChange={(expiresBefore) => view.change({ filters: { expiresBefore } })} />
          </>
        }
        empty={
          <Empty title="No secret is stored yet" action={may("secrets.write") && <Button onClick={() => setSetting("new")}>Set the first secret</Button>}>
            Store the password of the account that reads your directory or database, under a ref such as secret://ad/svc/password. Then create a connector that
            uses the ref.
          </Empty>
        }
        columns={[
          { header: "Ref", sort: "ref", cell: (s) => <Ref secret={s} onOpen={look} /> },
          { header: "State", cell: (s) => <SecretState secret={s} /> },
          { header: "Changed", sort: "updated", cell: (s) => (s.missing ? null : <Changed secret={s} />) },
          { header: "Expires", sort: "expires", cell: (s) => (s.missing ? null : s.expires ? <When time={s.expires} /> : "never") },
          { header: "Used by", cell: (s) => <UsedBy secret={s} /> },
          { header: "Last used", sort: "lastUsed", cell: (s) => <LastUse secret={s} /> },
          {
            header: "Actions",
            cell: (s) =>
              s.ref &&
              may("secrets.write") && (
                <Button size="compact-xs" variant="default" aria-label={`${s.missing ? "Set" : "Rotate"} ${s.ref}`} onClick={() => setSetting(s)}>
                  {s.missing ? "Set" : "Rotate"}
                </Button>
              ),
          },
        ]}
      />
      {setting && (
        <SetSecret {...(setting === "new" ? {} : setting.missing ? { suggestion: setting.ref ?? "" } : { secret: setting })} onClose={() => setSetting(null)} />
      )}
      {finding && <FindDeleted onFind={look} onClose={() => setFinding(false)} />}
      {ref && !setting && <SecretDetail key={ref} secretRef={ref} listed={page?.items.find((s) => s.ref === ref)} onClose={() => look("")} onRotate={setSetting} />}
    </Page>
  );
}

/** When its newest version was made, and which one that is. */
function Changed({ secret: s }: { secret: ListedSecret }) {
  return (
    <>
      <When time={s.updated ?? s.created} />
      <Text size="xs" c="dimmed" className="anywhere">version {s.version}</Text>
    </>
  );
}

function Ref({ secret: s, onOpen }: { secret: ListedSecret; onOpen: (ref: string) => void }) {
  return (
    <div className="ref">
      {s.ref ? (
        <Anchor component="button" type="button" inherit ta="left" className="mono" onClick={() => onOpen(s.ref ?? "")}>
          {s.ref}
        </Anchor>
      ) : (
        <Text inherit c="dimmed">unknown: the store has only the name</Text>
      )}
      <Text size="xs" c="dimmed" component="div">
        <Copyable text={s.name} what="the name in the store" />
      </Text>
    </div>
  );
}
