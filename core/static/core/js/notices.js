/** The page's notifications: the bell, the corner of new ones and their own page look at this one store. */

import { ENDED } from "./ended.js";
import { NoticeStore } from "./notice-store.js";
import { post } from "./post.js";
import { client } from "./site.js";

export const notices = new NoticeStore(client, { post, document, setTimeout: (...given) => setTimeout(...given) });

document.addEventListener(ENDED, () => notices.subscription.unsubscribe());
