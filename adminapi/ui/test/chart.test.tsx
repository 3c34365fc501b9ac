import { MantineProvider } from "@mantine/core";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { Chart } from "../src/chart/Chart";

const points = [
  { label: "10:00", values: [6, 2] },
  { label: "11:00", values: [4, 0] },
];
const series = [{ name: "Succeeded", tone: "good" }, { name: "Failed", tone: "bad" }] as const;
const shown = () =>
  render(
    <MantineProvider env="test">
      <Chart title="Runs per hour" of="Hour" series={[...series]} points={points} />
    </MantineProvider>,
  );

test("bars stand one upon the other, and the highest fills the drawing", () => {
  const { container } = shown();
  const bars = [...container.querySelectorAll("g")].map((g) => [...g.querySelectorAll("rect")].slice(1).map((r) => [Number(r.getAttribute("y")), Number(r.getAttribute("height"))]));
  expect(bars).toEqual([[[25, 75], [0, 25]], [[50, 50]]]);
});

test("who cannot see the bars hears what they say, and gets the numbers as a table", async () => {
  const page = shown();
  expect(page.getByRole("img").getAttribute("aria-label")).toContain("Failed highest 2");
  await userEvent.setup().click(page.getByRole("button", { name: "Show as a table" }));
  expect(page.getByRole("row", { name: "10:00 6 2" })).toBeTruthy();
  expect(page.queryByRole("img")).toBeNull();
});
