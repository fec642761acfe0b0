/** The way of an order, in order; a draft has not begun it, a cancelled one has left it. */
export const STEPS = ["placed", "paid", "picking", "shipped", "delivered"];
