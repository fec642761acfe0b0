/** One page, one topic: connect, show the connection, and choose what stands where rows would be. */

import { ENDED } from "./ended.js";
import { client, connection } from "./site.js";

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
  const subscription = client.subscribe(main.dataset.topic, {
    onChange(update) {
      onChange(update, subscription);
      if (!update.snapshot) connection.changed();
      else if (first) connection.changed(latest());
      first = false;
      setStage();
    },
    onState() {
      setStage();
      connection.draw();
    },
  });
  let first = true;
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
  connection.follow(subscription);
  document.addEventListener(ENDED, () => "public" in main.dataset || subscription.unsubscribe());
  return { client, subscription, setStage };
}

function explain(error) {
  for (const element of document.querySelectorAll("[data-refused-text]")) element.textContent = REASONS[error?.code] ?? error?.message ?? "";
}
