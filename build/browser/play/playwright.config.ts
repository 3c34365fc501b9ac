import { defineConfig } from "@playwright/test";
import { stage } from "./stage";

// The stories are one administrator's days, so they are told one after the other.
export default defineConfig({
  testDir: "stories",
  // What it writes about a story that failed has what was typed.
  ...(process.env["IDENTITYMESH_RESULTS"] && { outputDir: process.env["IDENTITYMESH_RESULTS"] }),
  workers: 1,
  fullyParallel: false,
  retries: 0,
  maxFailures: 0,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: [["json"]],
  use: {
    baseURL: stage.url,
    actionTimeout: 20_000,
    browserName: "chromium",
    launchOptions: { executablePath: process.env["IDENTITYMESH_CHROMIUM"] ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] },
    viewport: { width: 1280, height: 800 },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    // A trace or a video would hold what is typed.
    trace: "off",
    video: "off",
    screenshot: "off",
  },
});
