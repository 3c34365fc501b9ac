import { defineConfig } from "@playwright/test";
import days from "../playwright.config";

export default defineConfig({ ...days, testDir: ".", reporter: [["list"]] });
