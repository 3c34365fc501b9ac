import { type ComponentType, Suspense } from "react";
import { useLocation } from "react-router";
import { Empty, Loading } from "../parts/States";
import { type Permission, useMay } from "../session/may";
import { Failed } from "./Failed";
import { Page } from "./Page";

/** A page for those who may see it; the others are told what they lack. */
export function Guarded({ page: Inner, needs }: { page: ComponentType; needs: Permission }) {
  const may = useMay();
  const { pathname } = useLocation();
  if (!may(needs)) {
    return (
      <Page title="Not for you">
        <Empty title="You may not see this page">
          It needs the permission {needs}. Ask an administrator for it, or sign in as somebody who has it.
        </Empty>
      </Page>
    );
  }
  return (
    <Failed at={pathname}>
      <Suspense fallback={<Loading what="the page" />}>
        <Inner />
      </Suspense>
    </Failed>
  );
}
