import { MantineProvider } from "@mantine/core";
import { Navigate, Route, Routes } from "react-router";
import { ConnectorPage } from "./connectors/ConnectorPage";
import { ConnectorsPage } from "./connectors/ConnectorsPage";
import { EditConnectorPage, NewConnectorPage } from "./connectors/EditPages";
import { OverviewPage } from "./overview/OverviewPage";
import { NoticesProvider } from "./parts/Notices";
import { RunPage } from "./runs/RunPage";
import { RunsPage } from "./runs/RunsPage";
import { SecretsPage } from "./secrets/SecretsPage";
import { SessionProvider, useSession } from "./session/session";
import { SignIn } from "./session/SignIn";
import { Shell } from "./shell/Shell";
import { readable, theme } from "./theme";

/** All of it. It needs a router around and gives styles the nonce. In a test nothing moves. */
export function App({ nonce = "", env = "default" }: { nonce?: string; env?: "default" | "test" }) {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={readable} defaultColorScheme="auto" getStyleNonce={() => nonce} env={env}>
      <SessionProvider>
        <Inside />
      </SessionProvider>
    </MantineProvider>
  );
}

function Inside() {
  if (useSession().token === null) return <SignIn />;
  return (
    <NoticesProvider>
      <Routes>
        {/* Paths stand in routes.json too, for the server. */}
        <Route element={<Shell />}>
          <Route path="/" element={<OverviewPage />} />
          <Route path="/connectors" element={<ConnectorsPage />} />
          <Route path="/connectors/new" element={<NewConnectorPage />} />
          <Route path="/connectors/:id" element={<ConnectorPage />} />
          <Route path="/connectors/:id/edit" element={<EditConnectorPage />} />
          <Route path="/secrets" element={<SecretsPage />} />
          <Route path="/runs" element={<RunsPage />} />
          <Route path="/runs/:id" element={<RunPage />} />
          <Route path="*" element={<Navigate to="/" replace />} />
        </Route>
      </Routes>
    </NoticesProvider>
  );
}
