import { AppShell, Box, Burger, Group, NavLink, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect } from "react";
import { Link, Outlet, useLocation } from "react-router";
import { useMay } from "../session/may";
import { SessionEnd } from "../session/SessionEnd";
import { SignInAgain } from "../session/SignInAgain";
import { Account } from "./Account";
import { Banner } from "./Banner";
import { groups } from "./places";
import { SchemeSwitch } from "./SchemeSwitch";

/** What is around every page: the header, the navigation, the place of the page. */
export function Shell() {
  const { pathname } = useLocation();
  const may = useMay();
  const [open, { toggle, close }] = useDisclosure(false);
  useEffect(close, [pathname, close]);

  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 210, breakpoint: "sm", collapsed: { mobile: !open } }} padding="md">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" aria-expanded={open} aria-controls="navigation" />
            <Text fw={700}>IdentityMesh</Text>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Box visibleFrom="sm">
              <SchemeSwitch />
            </Box>
            <Account />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" className="places" data-open={open} id="navigation" aria-label="Main">
        <Places pathname={pathname} />
        <NavLink href="/docs" target="_blank" rel="noopener" label="API documentation" mt="auto" />
        <Box hiddenFrom="sm" p="xs">
          <SchemeSwitch />
        </Box>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1}>
        <SessionEnd />
        {may("status.read") && <Banner />}
        <Outlet />
      </AppShell.Main>
      <SignInAgain />
    </AppShell>
  );
}

function Places({ pathname }: { pathname: string }) {
  const may = useMay();
  return groups.map((group) => {
    const shown = group.places.filter((p) => p.label && may(p.needs));
    if (shown.length === 0) return null;
    return (
      <Box key={group.label} role="group" aria-label={group.label || "Start"} mb={4}>
        {group.label && (
          <Text size="xs" c="dimmed" fw={600} px="sm" pt="xs" pb={2} aria-hidden>
            {group.label}
          </Text>
        )}
        {shown.map((p) => {
          const here = p.path === "/" ? pathname === "/" : pathname === p.path || pathname.startsWith(p.path + "/");
          return (
            <NavLink key={p.path} className="place" component={Link} to={p.path} label={p.label} active={here} aria-current={here ? "page" : undefined} py={6} />
          );
        })}
      </Box>
    );
  });
}
