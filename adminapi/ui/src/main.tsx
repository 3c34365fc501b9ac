import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import "@mantine/core/styles.css";
import "./page.css";
import { App } from "./App";

// The page's policy allows only style elements that have its nonce. The browser
// hides the attribute from scripts of others, but gives us the property.
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
setNonce(nonce); // for what keeps the page behind a dialog from scrolling

const root = document.getElementById("root");
if (!root) throw new Error("the page has no place for the application");
createRoot(root).render(
  <StrictMode>
    <BrowserRouter>
      <App nonce={nonce} />
    </BrowserRouter>
  </StrictMode>,
);
