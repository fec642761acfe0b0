/**
 * The end of a page's sign-in: who signed out, perhaps on a shared machine, leaves nothing on any screen.
 *
 * It has ended when the server says so, and also when a connection that comes back acts for someone else than the page
 * was made for: somebody signed out, or in as another, while this page slept.
 */

import { Close } from "../../realtime/client.js";

/** Fired on the document once the sign-in has ended; modules drop what is private then. */
export const ENDED = "signinended";

export function endWithSignIn(client) {
  let owner = document.body.dataset.user ?? null;
  client.addEventListener("state", () => {
    if (owner === null) return;
    const refused = client.state === "refused" && client.code === Close.SIGN_IN;
    const another = client.state === "live" && client.user !== owner;
    if (!refused && !another) return;
    owner = null;
    const open = "public" in document.querySelector("main").dataset;
    if (another && !open) client.close();
    clear(open);
  });
}

/** Take what is private off the screen; a public page stays, as a guest would see it. */
function clear(open) {
  document.dispatchEvent(new Event(ENDED));
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const popover of document.querySelectorAll(":popover-open")) popover.hidePopover();
  for (const each of document.querySelectorAll("[data-bell], [data-who], [data-notices], [data-toasts], #who, meta[name=csrf-token]")) each.remove();
  if (open) return;
  document.body.dataset.ended = "";
  document.title = "Signed out · Tideline";
  const main = document.querySelector("main");
  main.prepend(document.querySelector("template[data-ended]").content.cloneNode(true));
  main.scrollIntoView();
}
