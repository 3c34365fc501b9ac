import { NativeSelect } from "@mantine/core";
import { useEffect, useState } from "react";
import { useLocation, useNavigate, useParams } from "react-router";
import { must, type Schemas } from "../api/client";
import { useOnce } from "../api/once";
import { useConnectorTypes, useRefresh } from "../api/queries";
import { useNotices } from "../parts/Notices";
import { ProblemAlert } from "../parts/ProblemAlert";
import { Loaded, Loading } from "../parts/States";
import { useApi } from "../session/session";
import { Page } from "../shell/Page";
import { Tested, useTest } from "./actions";
import { ConnectorForm } from "./ConnectorForm";
import { schemaOf } from "./schema";

export function NewConnectorPage() {
  const api = useApi();
  const once = useOnce();
  const types = useConnectorTypes();
  const refresh = useRefresh();
  const notices = useNotices();
  const navigate = useNavigate();
  const [chosen, setChosen] = useState("");
  return (
    <Page title="Create a connector">
      <Loaded query={types} what="the types of connectors">
        {(all) => {
          const type = all.items.find((t) => t.name === chosen) ?? all.items[0];
          return (
            type && (
              <>
                <NativeSelect
                  label="Type"
                  description="What it reads. It cannot be changed later"
                  maw="40rem"
                  value={type.name}
                  onChange={(e) => setChosen(e.currentTarget.value)}
                  data={all.items.map((t) => ({ value: t.name, label: labels[t.name] ?? t.name }))}
                />
                <ConnectorForm
                  key={type.name}
                  schema={schemaOf(type)}
                  begin={{ name: "", type: type.name, config: {} }}
                  action="Create"
                  back="/connectors"
                  onSave={async (input, test) => {
                    const made = await once(input, (header) => must(api.POST("/api/connectors", { params: { header }, body: input })));
                    refresh("connectors");
                    if (test) return void navigate(`/connectors/${made.id}/edit`, { replace: true, state: { test: true } });
                    notices.done(`${made.name} was created. Press Test to see whether it can connect, then Run full.`);
                    void navigate(`/connectors/${made.id}`);
                  }}
                />
              </>
            )
          );
        }}
      </Loaded>
    </Page>
  );
}

const labels: Record<string, string> = { ldap: "ldap: a directory", sql: "sql: a database" };

export function EditConnectorPage() {
  const { id = "" } = useParams();
  const api = useApi();
  const types = useConnectorTypes();
  const refresh = useRefresh();
  const notices = useNotices();
  const navigate = useNavigate();
  const [round, setRound] = useState(0);
  const { begin, problem, setBegin } = useBegin(id, round);
  const again = () => setRound((n) => n + 1);
  const { state, test } = useTest();
  // Whoever created it in order to test it comes here.
  const location = useLocation();
  const wanted = begin && (location.state as { test?: boolean } | null)?.test ? begin : null;
  useEffect(() => {
    if (!wanted) return;
    void navigate(location.pathname, { replace: true });
    void test(wanted);
  }, [wanted, navigate, location.pathname, test]);
  return (
    <Page title={begin ? `Edit ${begin.name}` : "Edit the connector"}>
      {problem !== null && <ProblemAlert error={problem} onRetry={again} />}
      {!begin && problem === null && <Loading what="the connector" />}
      {begin && (
        <Loaded query={types} what="the types of connectors">
          {(all) => {
            const type = all.items.find((t) => t.name === begin.type);
            const { name, type: typeName, config, enabled, instanceName } = begin;
            return (
              <ConnectorForm
                key={`${begin.id} ${round}`}
                schema={type ? schemaOf(type) : {}}
                begin={{ name, type: typeName, config, enabled, ...(instanceName && { instanceName }) }}
                action="Save"
                back={`/connectors/${id}`}
                onReload={again}
                tested={state && <Tested state={state} onRetry={(c) => void test(c)} />}
                onSave={async (input, andTest) => {
                  const saved = await must(api.PUT("/api/connectors/{id}", { params: { path: { id }, header: { "If-Match": `"${begin.version}"` } }, body: input }));
                  refresh("connectors");
                  if (andTest) {
                    setBegin(saved);
                    return void test(saved);
                  }
                  notices.done(`${input.name} was saved.`);
                  void navigate(`/connectors/${id}`);
                }}
              />
            );
          }}
        </Loaded>
      )}
    </Page>
  );
}

/** Reads the connector once and not again behind the back of who edits it. */
function useBegin(id: string, round: number) {
  const api = useApi();
  const [begin, setBegin] = useState<Schemas["Connector"] | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  useEffect(() => {
    const abort = new AbortController();
    setBegin(null);
    setProblem(null);
    must(api.GET("/api/connectors/{id}", { params: { path: { id } }, signal: abort.signal })).then(setBegin, (thrown: unknown) => {
      if (!abort.signal.aborted) setProblem(thrown);
    });
    return () => abort.abort();
  }, [api, id, round]);
  return { begin, problem, setBegin };
}
