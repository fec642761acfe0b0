"""What is live in the fault harness: rows that count their versions and name the transaction that wrote them."""
