import { MantineProvider } from "@mantine/core";
import { act, render } from "@testing-library/react";
import { afterEach, test, vi } from "vitest";
import { When } from "../src/parts/Badges";

afterEach(() => void vi.useRealTimers());

test("how long ago something was grows older while one looks at it", () => {
  vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:20Z") });
  const page = render(
    <MantineProvider env="test">
      <When time="2026-01-01T00:00:00Z" />
    </MantineProvider>,
  );
  page.getByText("20 seconds ago");
  act(() => void vi.advanceTimersByTime(10_000));
  page.getByText("30 seconds ago");
  act(() => void vi.advanceTimersByTime(3_600_000));
  page.getByText("61 minutes ago");
});
