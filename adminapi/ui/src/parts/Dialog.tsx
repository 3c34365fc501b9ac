import { Modal, type ModalProps } from "@mantine/core";
import { useEffect, useRef } from "react";

/**
 * A dialog that is open for as long as it is rendered. When it goes, the focus
 * returns to where it came from, or to the page's title when that is gone.
 */
export function Dialog(props: Omit<ModalProps, "opened" | "closeButtonProps">) {
  const from = useRef(document.activeElement);
  useEffect(
    () => () => {
      // Whoever has it by now keeps it: another page, or the next dialog.
      if (document.activeElement !== document.body) return;
      const back = from.current?.isConnected ? from.current : document.querySelector("h1");
      if (back instanceof HTMLElement) back.focus({ preventScroll: true });
    },
    [],
  );
  return <Modal opened closeButtonProps={{ "aria-label": "Close" }} {...props} />;
}
