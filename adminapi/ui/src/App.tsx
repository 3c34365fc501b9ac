import { MantineProvider } from "@mantine/core";
import { Navigate, Route, Routes } from "react-router";
import { NoticesProvider } from "./parts/Notices";
import { SessionProvider, useSession } from "./session/session";
import { SignInPage } from "./session/SignInPage";
import { Guarded } from "./shell/Guarded";
import { places } from "./shell/places";
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
  if (useSession().who === null) return <SignInPage />;
  return (
    <NoticesProvider>
      <Routes>
        <Route element={<Shell />}>
          {places.map((p) => (
            <Route key={p.path} path={p.path} element={<Guarded page={p.page} needs={p.needs} />} />
          ))}
          <Route path="*" element={<Navigate to="/" replace />} />
        </Route>
      </Routes>
    </NoticesProvider>
  );
}
