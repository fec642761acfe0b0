/** One page, one topic: connect, show the connection, and choose what stands where rows would be. */

import { Close, connect } from "../../realtime/client.js";
import { ConnectionDisplay } from "./connection.js";

const main = document.querySelector("main");

const REASONS = {
  forbidden: "It is not shown to the account that you are signed in with.",
  unknown_topic: "There is no such thing, or it is not yours.",
  snapshot_too_large: "There is too much of it to be shown live.",
};

/**
 * Open the page's topic.
 *
 * @param {(update: import("../../realtime/subscription.js").Update, subscription: any) => void} onChange
 * @param {Object} [options]
 * @param {() => string} [options.stage]  what to show once there are rows
 * @param {() => ?number} [options.latest]  when the rows last changed before the page was open, milliseconds
 * @param {(subscription: any) => string} [options.refusal]  stage for a topic that can't be had
 */
export function openLivePage(onChange, { stage = () => "ready", latest = () => null, refusal = () => "refused" } = {}) {
  const client = connect("/ws/");
  let display = null;
  const subscription = client.subscribe(main.dataset.topic, {
    onChange(update) {
      onChange(update, subscription);
      if (!update.snapshot) display.lastChange = Date.now();
      else display.lastChange ??= latest();
      display.draw();
      setStage();
    },
    onState() {
      setStage();
      display.draw();
    },
  });
  const stageOf = ({ state, position }) => {
    if (state === "refused") return refusal(subscription);
    if (state === "revoked") return "revoked";
    if (state === "closed") return "refused";
    return position === null ? "loading" : stage();
  };
  const setStage = () => {
    if (subscription.state === "refused") explain(subscription.error);
    const wanted = stageOf(subscription);
    if (main.dataset.stage !== wanted) main.dataset.stage = wanted;
  };
  // Who signed out, perhaps on a shared machine, leaves nothing on the screen.
  client.addEventListener("state", () => {
    if (client.state !== "refused" || client.code !== Close.SIGN_IN || "public" in main.dataset) return;
    setWords("You have been signed out", "Sign in again to go on where you were.", "Sign in");
    subscription.unsubscribe();
  });
  display = new ConnectionDisplay(client, subscription);
  return { client, subscription, setStage };
}

function explain(error) {
  setWords("Not for you to see", REASONS[error?.code] ?? error?.message ?? "");
}

function setWords(title, text, action = "Sign in as someone else") {
  for (const element of document.querySelectorAll("[data-refused-action]")) element.textContent = action;
  for (const element of document.querySelectorAll("[data-refused-title]")) element.textContent = title;
  for (const element of document.querySelectorAll("[data-refused-text]")) element.textContent = text;
}
