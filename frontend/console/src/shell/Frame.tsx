import { Button, Group, Menu, useMantineColorScheme } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useClient } from "../api.ts";
import { ApprovalsLink } from "../approvals/ApprovalsLink.tsx";
import { queries } from "../queries.ts";
import { PauseBanner } from "../queue/PauseBanner.tsx";
import { signOut } from "../session.ts";
import { DiskBanner } from "./DiskBanner.tsx";
import { Wordmark } from "./Wordmark.tsx";

const SCHEMES = { light: "Light colours", dark: "Dark colours", auto: "Colours of the system" } as const;

/** Navigation above the page. */
export function Frame({ children }: { children: ReactNode }) {
  return (
    <>
      <a className="skip-link" href="#page">
        Skip to the page
      </a>
      <header className="top-bar">
        <Link to="/" className="home" aria-label="Slipway, all stacks">
          <Wordmark />
        </Link>
        <nav aria-label="Main">
          <Link to="/" className="nav-link" activeOptions={{ exact: true }}>
            Stacks
          </Link>
          <Link to="/deployments" className="nav-link" activeOptions={{ exact: true }}>
            Deployments
          </Link>
          <ApprovalsLink />
          <Link to="/notifications" className="nav-link">
            Notifications
          </Link>
          <Link to="/deliveries" className="nav-link">
            Deliveries
          </Link>
          <Link to="/queue" className="nav-link">
            Queue
          </Link>
          <Link to="/audit" className="nav-link">
            Audit
          </Link>
        </nav>
        <AccountMenu />
      </header>
      <main id="page" className="page" tabIndex={-1}>
        <DiskBanner />
        <PauseBanner />
        {children}
      </main>
    </>
  );
}

function AccountMenu() {
  const who = useQuery(queries.whoami(useClient()));
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Group gap="xs" ml="auto">
      <Menu position="bottom-end" withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <Button variant="default" size="compact-sm">
            {who.data?.name ?? "Account"}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {(["light", "dark", "auto"] as const).map((scheme) => (
            <Menu.Item
              key={scheme}
              onClick={() => setColorScheme(scheme)}
              rightSection={colorScheme === scheme ? "✓" : undefined}
            >
              {SCHEMES[scheme]}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item component="a" href="/docs">
            API reference
          </Menu.Item>
          <Menu.Item onClick={signOut}>Sign out</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
