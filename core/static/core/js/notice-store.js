/**
 * The notifications of whoever looks at the page: the live ones, which of them are read, and which of them are news.
 *
 * Rows come over the topic alone, and so does what has been read, here or in another tab or on another device: a request
 * to mark something leaves it "pending" until its row arrives. A notification is news once in the life of a page. That
 * holds over lost connections, resumes and snapshots, because every id that was seen is remembered, and because what a
 * snapshot brings counts as news only above the highest id of before: a role that is given shows older ones, too.
 *
 * @module
 */

/**
 * @typedef {Object} Notice
 * @property {number} id
 * @property {string} title
 * @property {string} body
 * @property {"info"|"success"|"warning"|"error"} level
 * @property {string} link  a path of this site, an https address, or ""
 * @property {"user"|"customer"|"role"|"everyone"} audience  through what it came
 * @property {number} at  when it was made, milliseconds
 * @property {boolean} read
 * @property {boolean} pending  asked to be marked as read, and not confirmed yet
 */

export const TOPIC = "notifications/mine";
const READ = "/api/v1/notifications/read";
/** After an absence what was missed comes in one or several updates: it is told of once they are through. */
const GATHER_MS = 400;

/**
 * Fires `change` when what there is to see has changed, and `news` (its `detail`: {notices: Notice[], away: boolean})
 * for unread ones that have come since the page was opened; `away`: they came while it was not live, or not looked at.
 */
export class NoticeStore extends EventTarget {
  /** @type {import("../../realtime/subscription.js").Subscription} */ subscription;

  #around;
  #seen = new Set();
  #highest = 0;
  #opened = false;
  #away = false;
  /** @type {Set<number>} news not yet told of */ #gathered = new Set();
  #telling = null;
  /** @type {Set<number>} */ #pending = new Set();
  /** @type {?Notice[]} */ #list = null;

  /**
   * @param {import("../../realtime/client.js").Client} client
   * @param {Object} around  what it needs of the page; tests bring their own
   * @param {(url: string, body: any) => Promise<any>} around.post
   * @param {Document} around.document
   * @param {(callback: () => void, milliseconds: number) => any} around.setTimeout
   */
  constructor(client, around) {
    super();
    this.#around = around;
    this.subscription = client.subscribe(TOPIC, {
      onChange: (update) => this.#take(update),
      onState: ({ state }) => {
        if (state === "live") this.#tellSoon();
        else this.#away ||= this.#opened;
        this.#changed();
      },
    });
    around.document.addEventListener("visibilitychange", () => this.#tellSoon());
  }

  /** Are the rows here, though perhaps of an earlier moment? */
  get ready() {
    return this.subscription.position !== null;
  }

  /** Newest first. @returns {Notice[]} */
  get list() {
    this.#list ??= this.#compose();
    return this.#list;
  }

  get unread() {
    return this.list.filter(({ read }) => !read);
  }

  /** Ask to mark these as read. @param {number[]} ids @throws {import("./post.js").Problem} */
  markRead(ids) {
    return this.#mark(ids, { ids });
  }

  /** Ask to mark as read all that there is by now, also what has left the live topic. @throws {Problem} */
  markAllRead() {
    return this.#mark(this.unread.map(({ id }) => id), { all_up_to: this.list[0]?.id ?? 0 });
  }

  async #mark(ids, body) {
    for (const id of ids) this.#pending.add(id);
    this.#changed();
    try {
      await this.#around.post(READ, body);
    } catch (problem) {
      for (const id of ids) this.#pending.delete(id);
      this.#changed();
      throw problem;
    }
  }

  #take({ changes, snapshot }) {
    const notices = changes.filter(({ kind, row }) => kind === "notification" && row !== null);
    const before = this.#highest;
    for (const { row } of notices) {
      const news = this.#opened && !this.#seen.has(row.id) && (!snapshot || row.id > before);
      this.#seen.add(row.id);
      this.#highest = Math.max(this.#highest, row.id);
      if (news) this.#gathered.add(row.id);
    }
    this.#opened = true;
    this.#changed();
    this.#tellSoon();
  }

  /** Tell of what is new: at once, or after an absence once it is all there; behind other windows, when seen again. */
  #tellSoon() {
    const hidden = this.#around.document.visibilityState === "hidden";
    this.#away ||= hidden && this.#opened;
    if (hidden || this.#telling !== null) return;
    if (!this.#away) return this.#tell();
    this.#telling = this.#around.setTimeout(() => this.#tell(), GATHER_MS);
  }

  #tell() {
    this.#telling = null;
    if (this.#away && this.subscription.state !== "live") return;
    const notices = this.unread.filter(({ id }) => this.#gathered.has(id));
    const away = this.#away;
    this.#gathered.clear();
    this.#away = false;
    if (notices.length) this.dispatchEvent(new CustomEvent("news", { detail: { notices, away } }));
  }

  #changed() {
    this.#list = null;
    for (const { row } of this.subscription.all("notificationread")) this.#pending.delete(row.notification_id);
    this.dispatchEvent(new Event("change"));
  }

  #compose() {
    const read = new Set([...this.subscription.all("notificationread")].map(({ row }) => row.notification_id));
    const notices = [...this.subscription.all("notification")].map(({ row }) => ({
      ...noticeOf(row),
      read: read.has(row.id),
      pending: this.#pending.has(row.id),
    }));
    return notices.sort((a, b) => b.id - a.id);
  }
}

/** What is shown of a notification, from a row of the topic or of the archive. */
export function noticeOf({ id, title, body, level, link, audience, created_at }) {
  return { id, title, body, level, link, audience, at: Date.parse(created_at) };
}
