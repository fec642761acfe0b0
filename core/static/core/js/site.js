/** What all modules of a page share: its one connection, what is said about it, and what becomes of it without a sign-in. */

import { connect } from "../../realtime/client.js";
import { ConnectionDisplay } from "./connection.js";
import { endWithSignIn } from "./ended.js";
import "./menus.js";

/** The page's connection; topics go over it by `client.subscribe(topic, { onChange, onState })`. */
export const client = connect("/ws/");
/** The words about it: `connection.follow(subscription)` for the topic that the page is about. */
export const connection = new ConnectionDisplay(client);

endWithSignIn(client);
