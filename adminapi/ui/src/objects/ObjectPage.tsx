import { Anchor, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "react-router";
import { must, type Schemas } from "../api/client";
import { localPage } from "../list/local";
import { Pager } from "../list/Pager";
import { SearchField } from "../list/SearchField";
import { useOwnView } from "../list/view";
import { When } from "../parts/Badges";
import { Copyable } from "../parts/Copyable";
import { Listing } from "../parts/Listing";
import { Loaded } from "../parts/States";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { History } from "./History";
import { Presence } from "./ObjectsPage";

type Imported = Schemas["ImportedObject"];

export function ObjectPage() {
  const id = Number(useParams().id);
  const api = useApi();
  const object = useQuery({
    queryKey: ["objects", "one", id],
    queryFn: ({ signal }) => must(api.GET("/api/objects/{id}", { params: { path: { id } }, signal })),
  });
  return (
    <Page title={object.data?.name ?? "Object"}>
      <Loaded query={object} what="the object">
        {(o) => (
          <>
            <Facts object={o} />
            <Attributes of={o.attributes} />
            <History id={o.id} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Facts({ object: o }: { object: Imported }) {
  return (
    <dl className="facts">
      <dt>State</dt>
      <dd>
        <Presence present={o.present} /> {o.absentSince && <>since <When time={o.absentSince} /></>}
      </dd>
      <dt>Type</dt>
      <dd>{o.type}</dd>
      <dt>Anchor</dt>
      <dd><Copyable text={o.anchor} what="the anchor" /></dd>
      <dt>Connector</dt>
      <dd>
        <Anchor component={Link} to={`/connectors/${o.connectorId}`} inherit>
          {o.connectorName}
        </Anchor>
      </dd>
      <dt>Known since</dt>
      <dd><When time={o.firstSeen} /></dd>
      <dt>Changed</dt>
      <dd>
        <When time={o.lastChanged} /> by{" "}
        <Anchor component={Link} to={`/runs/${o.lastRunId}`} inherit>
          this run
        </Anchor>
      </dd>
    </dl>
  );
}

/** Attributes by name; some objects, such as large groups, have thousands of values, of which the first are shown. */
function Attributes({ of }: { of: Imported["attributes"] }) {
  const view = useOwnView({ size: 50 });
  const rows = Object.entries(of).sort(([a], [b]) => a.localeCompare(b));
  const page = localPage(rows, view, { words: ([name, values]) => `${name} ${values?.join(" ") ?? ""}` });
  return (
    <section aria-label="Attributes">
      <Title order={2} size="h4" mb="xs">
        Attributes
      </Title>
      {rows.length > 10 && <SearchField label="Find an attribute or a value" value={view.q} onChange={(q) => view.change({ q })} />}
      <Listing
        label="Attributes"
        rows={page.items}
        id={([name]) => name}
        columns={[
          { header: "Name", cell: ([name]) => <span className="mono">{name}</span> },
          { header: "Values", cell: ([, values]) => <Values of={values ?? []} /> },
        ]}
      />
      <Pager what="attributes" view={view} page={page} />
    </section>
  );
}

const most = 20;

export function Values({ of }: { of: readonly string[] }) {
  return (
    <>
      {of.slice(0, most).map((v, i) => (
        <div key={i} className="mono">{v}</div>
      ))}
      {of.length > most && <div>and {(of.length - most).toLocaleString()} more</div>}
    </>
  );
}
